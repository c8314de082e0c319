package cli

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"echod/internal/certs"
	"echod/internal/engine"
	"echod/internal/metrics"
	"echod/internal/usage"
)

// serverTLSFlags say what tls:// listeners show, and whom they let in.
type serverTLSFlags struct {
	files certs.Files
	least string
}

// tlsVersions are what --tls-min may be.
var tlsVersions = []string{"1.2", defaultTLS}

const defaultTLS = "1.3"

func (f *serverTLSFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.files.Cert, "tls-cert", "", "the certificate of tls:// listeners, a PEM file")
	flags.StringVar(&f.files.Key, "tls-key", "", "its private key, a PEM file")
	flags.StringVar(&f.files.ClientCA, "tls-client-ca", "", "serve only clients with a certificate of a CA in this PEM file")
	flags.Var(choice(&f.least, tlsVersions), "tls-min", "the oldest version of TLS to speak")
	cmd.RegisterFlagCompletionFunc("tls-min", words(tlsVersions))
}

// open reads the certificate that listeners need; nil if none of them is for
// TLS, or if none is given: which listener lacks it, the server tells.
func (f *serverTLSFlags) open(listeners []engine.Listener, log *slog.Logger) (*certs.Store, error) {
	needed := slices.ContainsFunc(listeners, func(ln engine.Listener) bool { return ln.Spec.Network == "tls" })
	switch {
	case !needed && *f == (serverTLSFlags{least: defaultTLS}), needed && f.files == (certs.Files{}):
		return nil, nil
	case !needed:
		return nil, usage.New("the --tls flags are for tls:// listeners", "e.g. --listen tls://:8443")
	case f.files.Cert == "":
		return nil, usage.New("a tls:// listener needs a certificate", "add --tls-cert FILE")
	case f.files.Key == "":
		return nil, usage.New("--tls-cert needs the key of the certificate", "add --tls-key FILE")
	}
	least := uint16(tls.VersionTLS13)
	if f.least == "1.2" {
		least = tls.VersionTLS12
	}
	store, err := certs.Open(f.files, least, log)
	if err != nil {
		return nil, fileError(err)
	}
	return store, nil
}

// certificateLook is how often the files of a certificate are looked at. What has
// changed is taken at the second look.
const certificateLook = 5 * time.Second

// keepCertificate has store follow its files until ctx ends, and read them at
// once on SIGHUP. Without a store, SIGHUP does nothing: the manager that sends it
// to say "reload" must not end the service by it.
func keepCertificate(ctx context.Context, store *certs.Store, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if store != nil {
		go store.Watch(ctx, certificateLook)
	}
	go func() {
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			if store == nil {
				log.Info("nothing to reload", slog.String("why", "no certificate is served"))
				continue
			}
			store.Reload()
		}
	}()
}

// certificateMetrics tell of store's certificate, if there is one.
func certificateMetrics(store *certs.Store) []prometheus.Collector {
	if store == nil {
		return nil
	}
	return []prometheus.Collector{metrics.TLS(store.Status)}
}
