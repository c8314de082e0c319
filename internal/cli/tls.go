package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"
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

// config is how targets on these networks are spoken to by those that speak TLS;
// nil if no flag was given. Flags where none of them does are a mistake.
func (f *tlsFlags) config(networks ...string) (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	if !slices.Contains(networks, "tls") {
		return nil, usage("--tls-ca, --tls-insecure and --tls-server-name are for tls:// targets", "as in: --tls-ca ca.pem tls://localhost:8443")
	}
	config := &tls.Config{InsecureSkipVerify: f.insecure, ServerName: f.serverName}
	if f.ca != "" {
		pool, err := readCA(f.ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	return config, nil
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
