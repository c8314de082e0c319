package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/certs"
	"echod/internal/usage"
)

// certFlags are the flags of cert, with their defaults.
type certFlags struct {
	dir    string
	days   int
	client bool
	renew  bool
	force  bool
}

// thisMachine are the names of a certificate if none are given.
var thisMachine = []string{"localhost", "127.0.0.1", "::1"}

func newCert(p *Process) *cobra.Command {
	f := certFlags{dir: ".", days: 7}
	cmd := &cobra.Command{
		Use:   "cert [NAME...]",
		Short: "make a CA and certificates for tests",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(p.Stdout, args)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *certFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.dir, "dir", f.dir, "the directory for the files")
	flags.Var(number(&f.days, 1, 365), "days", "how long the certificates are valid")
	flags.BoolVar(&f.client, "client", false, "also make a certificate for clients")
	flags.BoolVar(&f.renew, "renew", false, "keep the CA, and replace the certificates that it signed")
	flags.BoolVar(&f.force, "force", false, "replace all files, the CA, too")
}

func (f *certFlags) run(out io.Writer, names []string) error {
	if f.renew && f.force {
		return usage.New("--renew keeps the CA and --force replaces it", "omit one of them")
	}
	for _, name := range names {
		if err := certName(name); err != nil {
			return err
		}
	}
	files, err := f.files(names)
	if err != nil {
		return err
	}
	if err := writeCerts(files); err != nil {
		return &exitError{Unknown, err}
	}
	return f.report(out, files)
}

// report lists the files, and shows how to use them.
func (f *certFlags) report(out io.Writer, files []certFile) error {
	server := files[slices.IndexFunc(files, func(file certFile) bool { return file.names != nil })]
	text := new(strings.Builder)
	fmt.Fprintf(text, "Certificates for tests only, valid until %s:\n\n", server.end.UTC().Format(time.DateTime+" MST"))
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, file := range files {
		fmt.Fprintf(table, "  %s\t%s\n", file.path, file.what)
	}
	table.Flush()
	serve, check := f.commands(server.names)
	fmt.Fprintf(text, "\nTry them, each command in its own terminal:\n\n  %s\n  %s\n", serve, check)
	_, err := io.WriteString(out, text.String())
	return err
}

// commands returns a command for a server with the certificate, and one for a client that
// trusts it.
func (f *certFlags) commands(names []string) (serve, check string) {
	listen, host := "tls://:8443", strings.Replace(names[0], "*", "www", 1)
	if slices.Equal(names, thisMachine) {
		listen = "tls://localhost:8443"
	}
	serve = "echod serve --listen " + listen + f.flag("--tls-cert", serverCert) + f.flag("--tls-key", serverKey)
	check = "echod check" + f.flag("--tls-ca", caCert)
	if f.client {
		serve += f.flag("--tls-client-ca", caCert)
		check += f.flag("--tls-cert", clientCert) + f.flag("--tls-key", clientKey)
	}
	return serve, check + " tls://" + net.JoinHostPort(host, "8443")
}

// flag returns a flag with the path of a file, quoted for a shell.
func (f *certFlags) flag(flag, file string) string {
	path := f.path(file)
	if strings.ContainsFunc(path, func(r rune) bool { return strings.ContainsRune(" \t\n'\"\\$`&|;<>()*?[]#~!{}", r) }) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return " " + flag + " " + path
}

// hostLabel matches a label of a host name (RFC 1123, section 2.1), and those with an
// underscore, which are in use.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// certName returns an error unless name is an IP address or a host name, whose first label
// may be *.
func certName(name string) error {
	bad := func(want string) error { return usage.New(fmt.Sprintf("invalid name %q", name), want) }
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Zone() != "" {
			return bad("want an address without a zone, e.g. " + addr.WithZone("").String())
		}
		return nil
	}
	const want = "want a host name or an IP address, e.g. localhost, echo.example or 192.0.2.7"
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	for _, label := range labels {
		if !hostLabel.MatchString(label) {
			return bad(want)
		}
	}
	if last := labels[len(labels)-1]; len(name) > 253 || strings.Trim(last, "0123456789") == "" {
		return bad(want) // 127.0.0.256 is not a host name
	}
	return nil
}

// The files of cert, in its directory.
const (
	caCert     = "ca.pem"
	caKey      = "ca-key.pem"
	serverCert = "server.pem"
	serverKey  = "server-key.pem"
	clientCert = "client.pem"
	clientKey  = "client-key.pem"
)

// certFile is one file that is to be written.
type certFile struct {
	path  string
	text  []byte
	mode  fs.FileMode
	what  string    // a description
	names []string  // of the server, if it is the server's certificate
	end   time.Time // when a certificate ends
}

func (f *certFlags) path(name string) string { return filepath.Join(f.dir, name) }

// files makes the contents of all files, and writes nothing. Without names, it uses those
// of the certificate that is replaced, or of this machine.
func (f *certFlags) files(names []string) ([]certFile, error) {
	if info, err := os.Stat(f.dir); err != nil || !info.IsDir() {
		return nil, usage.New("--dir: "+f.dir+" is not a directory", "want a directory that exists")
	}
	if f.renew {
		return f.renewed(names)
	}
	if len(names) == 0 {
		names = thisMachine
	}
	ca, err := certs.NewCA(f.end())
	if err != nil {
		return nil, err
	}
	files, err := f.pair(nil, ca, caCert, caKey, "the CA, for clients to trust")
	if err != nil {
		return nil, err
	}
	if files, err = f.signed(files, ca, names); err != nil {
		return nil, err
	}
	return files, f.checkFree(files)
}

func (f *certFlags) end() time.Time { return time.Now().AddDate(0, 0, f.days) }

// renewed makes new certificates with the existing CA.
func (f *certFlags) renewed(names []string) ([]certFile, error) {
	ca, err := f.readCA()
	if err != nil {
		return nil, fileError(fmt.Errorf("--renew: %w", err))
	}
	for _, name := range []string{serverCert, clientCert} {
		old, err := f.signedBefore(name, ca)
		if err != nil {
			return nil, err
		}
		if old != nil && name == serverCert && len(names) == 0 {
			names = namesOf(old)
		}
	}
	if len(names) == 0 {
		names = thisMachine
	}
	return f.signed(nil, ca, names)
}

// readCA reads the existing CA.
func (f *certFlags) readCA() (certs.Pair, error) {
	cert, err := os.ReadFile(f.path(caCert))
	if err != nil {
		return certs.Pair{}, err
	}
	key, err := os.ReadFile(f.path(caKey))
	if err != nil {
		return certs.Pair{}, err
	}
	ca, err := certs.ParseCA(cert, key)
	if err == nil && time.Now().After(ca.Cert.NotAfter) {
		err = errors.New("the CA has expired; --force makes a new one")
	}
	if err != nil {
		return certs.Pair{}, fmt.Errorf("%s: %w", f.path(caCert), err)
	}
	return ca, nil
}

// signedBefore returns the certificate in a file, nil if there is none. It is an error if
// ca did not sign it, so that no other certificate is replaced.
func (f *certFlags) signedBefore(name string, ca certs.Pair) (*x509.Certificate, error) {
	text, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError(fmt.Errorf("--renew: %w", err))
	}
	cert, err := certs.ParseCert(text)
	if err != nil || cert.CheckSignatureFrom(ca.Cert) != nil {
		return nil, usage.New("--renew: "+f.path(name)+" is not signed by "+f.path(caCert), "want another --dir, or --force to replace all files")
	}
	return cert, nil
}

func namesOf(cert *x509.Certificate) []string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// signed adds the certificates that ca signs: for a server and, with --client, for clients.
func (f *certFlags) signed(files []certFile, ca certs.Pair, names []string) ([]certFile, error) {
	server, err := ca.NewServer(f.end(), names...)
	if err != nil {
		return nil, err
	}
	at := len(files)
	if files, err = f.pair(files, server, serverCert, serverKey, "for the server "+strings.Join(names, " ")); err != nil {
		return nil, err
	}
	files[at].names = names
	if !f.client {
		return files, nil
	}
	client, err := ca.NewClient(f.end())
	if err != nil {
		return nil, err
	}
	return f.pair(files, client, clientCert, clientKey, "for clients")
}

// pair adds a certificate and its key.
func (f *certFlags) pair(files []certFile, p certs.Pair, cert, key, what string) ([]certFile, error) {
	text, err := p.KeyPEM()
	return append(files,
		certFile{path: f.path(cert), text: p.CertPEM(), mode: 0o644, what: what, end: p.Cert.NotAfter},
		certFile{path: f.path(key), text: text, mode: 0o600, what: "its key, which is secret"}), err
}

// checkFree returns an error if a file exists, unless --force was given.
func (f *certFlags) checkFree(files []certFile) error {
	for _, file := range files {
		if _, err := os.Lstat(file.path); err == nil && !f.force {
			return usage.New(file.path+" exists", "add --renew to keep the CA, --force to replace all files, or --dir DIR")
		}
	}
	return nil
}

// writeCerts writes all files under temporary names before it renames any: no file is
// read half written, and nothing is replaced unless everything could be written.
func writeCerts(files []certFile) error {
	var written []string
	defer func() {
		for _, name := range written {
			os.Remove(name) // fails for those that are renamed already
		}
	}()
	for _, file := range files {
		name, err := writeTemp(file)
		if name != "" {
			written = append(written, name)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", file.path, causeOf(err))
		}
	}
	for i, file := range files {
		if err := os.Rename(written[i], file.path); err != nil {
			return fmt.Errorf("write %s: %w", file.path, causeOf(err))
		}
	}
	return nil
}

// writeTemp writes a file under a temporary name in its directory, and returns that
// name, "" if no file was created.
func writeTemp(file certFile) (string, error) {
	temp, err := createTemp(file.path, file.mode)
	if err != nil {
		return "", err
	}
	_, err = temp.Write(file.text)
	return temp.Name(), errors.Join(err, temp.Sync(), temp.Close())
}
