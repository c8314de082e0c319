package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"echod/check"
)

// tlsFlags say how a tls:// target proves who it is.
type tlsFlags struct {
	ca         string
	insecure   bool
	serverName string
}

func (f *tlsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "tls-ca", "", "trust the certificates in this PEM file instead of the system's")
	flags.BoolVar(&f.insecure, "tls-insecure", false, "trust every certificate")
	flags.StringVar(&f.serverName, "tls-server-name", "", "the name to ask for, and to be on the certificate")
}

// apply has those of targets that speak TLS speak it so. Where none does, flags
// that were given are a mistake.
func (f *tlsFlags) apply(targets ...*check.Target) error {
	if *f == (tlsFlags{}) {
		return nil
	}
	config := &tls.Config{InsecureSkipVerify: f.insecure, ServerName: f.serverName}
	if f.ca != "" {
		pool, err := readCA(f.ca)
		if err != nil {
			return err
		}
		config.RootCAs = pool
	}
	applied := false
	for _, target := range targets {
		if target.Network == "tls" {
			target.TLS = config
			applied = true
		}
	}
	if !applied {
		return usage("--tls-ca, --tls-insecure and --tls-server-name are for tls:// targets", "as in: echod check --tls-ca ca.pem tls://localhost:8443")
	}
	return nil
}

func readCA(name string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, &exitError{Usage, fmt.Errorf("--tls-ca: %w", err)}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("--tls-ca: "+name+" has no certificate in it", "give a file of PEM blocks: -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
