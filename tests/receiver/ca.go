// SPDX-License-Identifier: MIT

package receiver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"time"
)

// CA is a certificate authority that lives as long as a test. Making it anew
// each time means no key is kept in the repository and none can expire there.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a CA with a new key.
func NewCA() (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := newTemplate("runspan test CA")
	tmpl.IsCA = true
	tmpl.BasicConstraintsValid = true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	// Parsed back because the key identifier that Leaf has to repeat is chosen
	// by CreateCertificate; strict verifiers insist on it.
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &CA{cert: cert, key: key}, nil
}

// PEM is the certificate of the CA, for a client to trust.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// Leaf makes a server certificate for hosts, each a name or an IP address.
func (ca *CA) Leaf(hosts ...string) (tls.Certificate, error) {
	return ca.leaf(newTemplate("runspan test receiver"), hosts)
}

// ExpiredLeaf is Leaf, for a certificate that ended a minute ago.
func (ca *CA) ExpiredLeaf(hosts ...string) (tls.Certificate, error) {
	tmpl := newTemplate("runspan test receiver")
	tmpl.NotAfter = time.Now().Add(-time.Minute)
	return ca.leaf(tmpl, hosts)
}

// Peer is Leaf, for one that is a client too: a broker and those that connect to
// it show certificates to each other.
func (ca *CA) Peer(hosts ...string) (tls.Certificate, error) {
	tmpl := newTemplate("runspan test peer")
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.leaf(tmpl, hosts)
}

func (ca *CA) leaf(tmpl *x509.Certificate, hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = append(tmpl.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// newTemplate starts an hour in the past so that a client whose clock is a
// little behind, or a test that turns the clock back, accepts the certificate.
func newTemplate(name string) *x509.Certificate {
	start := time.Now().Add(-time.Hour)
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: start,
		NotAfter:  start.Add(24 * time.Hour),
	}
}

// serverTLS offers HTTP/1.1 only: one protocol keeps the records comparable
// and lets a Respond hook hijack the connection.
func serverTLS(leaf tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{leaf},
		NextProtos:   []string{"http/1.1"},
	}
}
