package cli

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
