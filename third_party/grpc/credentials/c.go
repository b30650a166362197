package credentials

import "crypto/tls"

type TransportCredentials interface{ absent() }

func NewTLS(*tls.Config) TransportCredentials { return nil }
