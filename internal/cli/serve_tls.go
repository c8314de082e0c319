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

// serverTLSFlags are the certificate of tls:// listeners, and the clients they accept.
type serverTLSFlags struct {
	files certs.Files
	least string
}

// tlsVersions are the values of --tls-min.
var tlsVersions = []string{"1.2", defaultTLS}

const defaultTLS = "1.3"

func (f *serverTLSFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.files.Cert, "tls-cert", "", "the certificate of tls:// listeners, a PEM file")
	flags.StringVar(&f.files.Key, "tls-key", "", "the private key of the certificate, a PEM file")
	flags.StringVar(&f.files.ClientCA, "tls-client-ca", "", "serve only clients with a certificate of a CA in this PEM file")
	flags.Var(choice(&f.least, tlsVersions), "tls-min", "the oldest TLS version to accept")
}

// open reads the certificate that listeners need. It returns nil if none of them is for
// TLS, or if no certificate is given: the server then reports the listener that lacks it.
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

// certificateInterval is how often the files of a certificate are checked. A change is
// loaded when two checks in a row see the same files.
const certificateInterval = 5 * time.Second

// followCertificate reloads the files of store until ctx ends, when they change and on
// SIGHUP. Without a store, SIGHUP has no effect: a service manager sends it to reload,
// and it must not end the service.
func followCertificate(ctx context.Context, store *certs.Store, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if store != nil {
		go store.Watch(ctx, certificateInterval)
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

// certificateMetrics returns the metrics of the certificate, if there is one.
func certificateMetrics(store *certs.Store) []prometheus.Collector {
	if store == nil {
		return nil
	}
	return []prometheus.Collector{metrics.TLS(store.Status)}
}
