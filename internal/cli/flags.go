package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"echod/internal/certs"
	"echod/internal/usage"
)

// variable is the name of the variable that stands in for a flag:
// --max-conns is ECHOD_MAX_CONNS.
func variable(flag string) string {
	return "ECHOD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// readVariables sets every flag that was not given from its variable. An empty
// variable is as good as none. Other variables that begin with ECHOD_ are left
// alone: Kubernetes makes some for a service of that name.
func readVariables(flags *pflag.FlagSet, getenv func(string) string) error {
	var first error
	flags.VisitAll(func(f *pflag.Flag) {
		value := getenv(variable(f.Name))
		if first != nil || f.Changed || value == "" || f.Name == "help" {
			return
		}
		if err := setVariable(f, value); err != nil {
			first = badValue(variable(f.Name), f, value, err)
		}
	})
	return first
}

func setVariable(f *pflag.Flag, value string) error {
	if list, ok := f.Value.(interface{ SetVariable(string) error }); ok {
		return list.SetVariable(value)
	}
	return f.Value.Set(value)
}

// tlsFlags say how a tls:// target proves who it is, and how we prove to it who
// we are.
type tlsFlags struct {
	ca         string
	insecure   bool
	serverName string
	cert       string
	key        string
}

func (f *tlsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "tls-ca", "", "trust the certificates in this PEM file instead of the system's")
	flags.BoolVar(&f.insecure, "tls-insecure", false, "trust every certificate")
	flags.StringVar(&f.serverName, "tls-server-name", "", "the name to ask for, and to be on the certificate")
	flags.StringVar(&f.cert, "tls-cert", "", "the client's certificate, a PEM file, for a server that asks for one")
	flags.StringVar(&f.key, "tls-key", "", "its private key, a PEM file")
}

// config is how targets on these networks are spoken to by those that speak TLS;
// nil if no flag was given. Flags where none of them does are a mistake.
func (f *tlsFlags) config(networks ...string) (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	if !slices.Contains(networks, "tls") {
		return nil, usage.New("--tls-ca and the other --tls flags are for tls:// targets", "as in: --tls-ca ca.pem tls://localhost:8443")
	}
	config := &tls.Config{InsecureSkipVerify: f.insecure, ServerName: f.serverName}
	if f.ca != "" {
		pool, err := readCA(f.ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if f.cert != "" || f.key != "" {
		pair, err := readClientPair(f.cert, f.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func readCA(name string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, fileError(fmt.Errorf("--tls-ca: %w", err))
	}
	pool, err := certs.ParsePool(pem)
	if err != nil {
		return nil, fileError(fmt.Errorf("--tls-ca: %s: %w", name, err))
	}
	return pool, nil
}

// readClientPair reads what a client shows to a server that asks for it. Which of
// the files is at fault is told as far as it can be.
func readClientPair(cert, key string) (tls.Certificate, error) {
	switch {
	case key == "":
		return tls.Certificate{}, usage.New("--tls-cert needs the key of that certificate", "give --tls-key FILE, too")
	case cert == "":
		return tls.Certificate{}, usage.New("--tls-key needs the certificate of that key", "give --tls-cert FILE, too")
	}
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, fileError(fmt.Errorf("--tls-cert: %w", err))
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return tls.Certificate{}, fileError(fmt.Errorf("--tls-key: %w", err))
	}
	if err := certs.CheckPEM(certPEM); err != nil {
		return tls.Certificate{}, fileError(fmt.Errorf("--tls-cert: %s: %w", cert, err))
	}
	if err := certs.CheckPEM(keyPEM); err != nil {
		return tls.Certificate{}, fileError(fmt.Errorf("--tls-key: %s: %w", key, err))
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fileError(fmt.Errorf("--tls-cert %s, --tls-key %s: %w", cert, key, err))
	}
	return pair, nil
}
