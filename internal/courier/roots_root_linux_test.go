// SPDX-License-Identifier: MIT

package courier

import (
	"os"
	"os/exec"
	"testing"
)

// Where a system has no certificates, the courier has.
func TestSystemWithoutCertificates(t *testing.T) {
	if os.Getenv("WITHOUT_CERTIFICATES") == "" {
		again := exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs none /etc && exec "$@"`, "sh", os.Args[0], "-test.run=^TestSystemWithoutCertificates$")
		again.Env = append(os.Environ(), "WITHOUT_CERTIFICATES=1", "SSL_CERT_FILE=", "SSL_CERT_DIR=")
		if out, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if pool := (&Network{}).roots(func(line string) { t.Error(line) }); !pool.Equal(linkedRoots()) {
		t.Error("they are not those that are linked in")
	}
}
