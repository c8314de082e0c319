package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/certs"
	"echod/internal/endpoint"
	"echod/internal/sock"
	"echod/internal/usage"
)

// Flags that several verbs share, and the variables that stand in for flags.

// readVariables sets every flag that was not given from its variable. An empty
// variable counts as none.
func readVariables(flags *pflag.FlagSet, getenv func(string) string) error {
	var first error
	flags.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		text := getenv(name)
		if first != nil || f.Changed || text == "" || f.Name == "help" {
			return
		}
		set := f.Value.Set
		if list, ok := f.Value.(interface{ SetVariable(string) error }); ok {
			set = list.SetVariable
		}
		if err := set(text); err != nil {
			first = badValue(name, f, text, err)
		}
		f.Changed = true
	})
	return first
}

// variable is the name of the variable that stands in for a flag: --max-conns is
// ECHOD_MAX_CONNS.
func variable(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

const variablePrefix = "ECHOD_"

// otherVariables are not those of flags: tests read them.
var otherVariables = []string{"ECHOD_ARTIFACTS", "ECHOD_NAIVE", "ECHOD_REQUIRE", "ECHOD_SEED", "ECHOD_SEQUENCES", "ECHOD_SOAK"}

// testVariables begin the names of variables by which a test runs itself again.
const testVariables = "ECHOD_TEST_"

// serviceVariable matches the variables that Kubernetes gives to every container for
// a service whose name is echod or begins with echod-: ECHOD_SERVICE_HOST,
// ECHOD_PORT_7_TCP_ADDR and so on.
var serviceVariable = regexp.MustCompile(`^ECHOD_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknownVariable returns an error for the first variable in environ that no verb of
// root reads, because a misspelled one would otherwise be ignored.
func unknownVariable(root *cobra.Command, environ []string) error {
	known := slices.Clone(otherVariables)
	for _, cmd := range verbsOf(root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, variable(f.Name)) })
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, variablePrefix) || value == "" || slices.Contains(known, name) ||
			strings.HasPrefix(name, testVariables) || serviceVariable.MatchString(name) {
			continue
		}
		return usage.New(name+": unknown variable", suggest(name, known, "want the name of a flag, e.g. ECHOD_TIMEOUT for --timeout"))
	}
	return nil
}

// familyFlags are -4 and -6.
type familyFlags struct{ v4, v6 bool }

func (f *familyFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.v4, "ipv4", "4", false, "use IPv4 only")
	flags.BoolVarP(&f.v6, "ipv6", "6", false, "use IPv6 only")
}

// check returns an error if an IP address among addresses, which are host:port, is of the
// other family.
func (f *familyFlags) check(addresses ...string) error {
	switch {
	case f.v4 && f.v6:
		return usage.New("-4 and -6 exclude each other", "omit one of them")
	case !f.v4 && !f.v6:
		return nil
	}
	for _, address := range addresses {
		host, _, _ := net.SplitHostPort(address)
		if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().Is4() != f.v4 {
			return usage.New(fmt.Sprintf("%s: %s is of the other address family", f, ip), "omit "+f.String())
		}
	}
	return nil
}

// limit returns a context in which names have only addresses of the family.
func (f *familyFlags) limit(ctx context.Context) context.Context {
	return endpoint.WithNetwork(ctx, f.network())
}

// apply checks addresses and limits ctx.
func (f *familyFlags) apply(ctx context.Context, addresses ...string) (context.Context, error) {
	return f.limit(ctx), f.check(addresses...)
}

// applyToListeners does the same for specs. No host means every address of the family.
func (f *familyFlags) applyToListeners(ctx context.Context, specs []sock.Spec) (context.Context, error) {
	var addresses []string
	for i, spec := range specs {
		switch {
		case spec.Network == "unix" || spec.Host != "":
		case f.v4:
			specs[i].Host = "0.0.0.0"
		case f.v6:
			specs[i].Host = "::"
		}
		addresses = append(addresses, net.JoinHostPort(spec.Host, "0"))
	}
	return f.apply(ctx, addresses...)
}

func (f *familyFlags) String() string {
	if f.v4 {
		return "-4"
	}
	return "-6"
}

// network is what package net calls the family.
func (f *familyFlags) network() string {
	switch {
	case f.v4:
		return "ip4"
	case f.v6:
		return "ip6"
	}
	return "ip"
}

// tlsFlags are what a client trusts, and the certificate that it has itself.
type tlsFlags struct {
	ca         string
	insecure   bool
	serverName string
	cert       string
	key        string
}

func (f *tlsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.ca, "tls-ca", "", "trust the CAs in this PEM file in place of the system's")
	flags.BoolVarP(&f.insecure, "tls-insecure", "k", false, "trust every certificate")
	flags.StringVar(&f.serverName, "tls-server-name", "", "the name that the certificate must have")
	flags.StringVar(&f.cert, "tls-cert", "", "the client's certificate, a PEM file")
	flags.StringVar(&f.key, "tls-key", "", "the private key of the client's certificate, a PEM file")
}

// config returns the TLS configuration for targets on these networks, nil if no flag was
// given. Flags are an error if no target uses TLS.
func (f *tlsFlags) config(networks ...string) (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	if !slices.Contains(networks, "tls") {
		return nil, usage.New("-k and the --tls flags are for tls:// targets", "e.g. --tls-ca ca.pem tls://localhost:8443")
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
	text, err := readPEM("--tls-ca", name)
	if err != nil {
		return nil, err
	}
	pool, err := certs.ParsePool(text)
	if err != nil {
		return nil, fileError(fmt.Errorf("--tls-ca: %s: %w", name, err))
	}
	return pool, nil
}

func readPEM(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fileError(fmt.Errorf("%s: %w", flag, err))
	}
	return text, nil
}

// readClientPair reads the certificate of a client and its key. The error names the file
// that is invalid, as far as possible.
func readClientPair(cert, key string) (tls.Certificate, error) {
	switch {
	case key == "":
		return tls.Certificate{}, usage.New("--tls-cert needs the key of the certificate", "add --tls-key FILE")
	case cert == "":
		return tls.Certificate{}, usage.New("--tls-key needs the certificate of the key", "add --tls-cert FILE")
	}
	certPEM, err := readPEM("--tls-cert", cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readPEM("--tls-key", key)
	if err != nil {
		return tls.Certificate{}, err
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
