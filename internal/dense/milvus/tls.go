package milvus

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Certificates names PEM files of a connection over TLS.
type Certificates struct {
	// CA holds the authorities that may have signed the server's certificate; empty for those of the system.
	CA string
	// Cert and Key are this client's; both empty for none.
	Cert, Key string
	// ServerName is the name in the server's certificate; empty for the host of its address.
	ServerName string
}

// LoadTLS reads the files once. It returns ErrConfig if they don't hold what they should.
func LoadTLS(files Certificates) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: files.ServerName}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s holds no certificate", ErrConfig, files.CA)
		}
	}
	if (files.Cert == "") != (files.Key == "") {
		return nil, fmt.Errorf("%w: a client certificate needs a key, and a key its certificate", ErrConfig)
	}
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate %s: %w", files.Cert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
