package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"echod/internal/admin"
	"echod/internal/metrics"
	"echod/internal/page"
	"echod/internal/usage"
)

// adminFlags are the flags of the HTTP server for metrics, health and the live page.
type adminFlags struct {
	addr   string
	public bool
	hosts  []string
	pprof  bool
}

func (f *adminFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "admin", "", "serve metrics, health and a live page over HTTP at this address")
	flags.BoolVar(&f.public, "admin-public", false, "allow an --admin address that other machines can reach")
	flags.Var(hostNames(&f.hosts), "admin-host", "a host name that HTTP requests may use; repeatable")
	flags.BoolVar(&f.pprof, "admin-pprof", false, "serve Go's profiles")
}

// adminServer serves the admin address. A nil one does nothing.
type adminServer struct {
	server *admin.Server
	log    *slog.Logger
	stop   context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// listen binds the address of --admin, nil if there is none. It is called before
// anything else is started, so that an error leaves nothing half started.
func (f *adminFlags) listen(log *slog.Logger) (*adminServer, error) {
	if f.addr == "" {
		if f.public || f.pprof || len(f.hosts) > 0 {
			return nil, usage.New("--admin-public, --admin-host and --admin-pprof have no effect without --admin", "add --admin 127.0.0.1:9462")
		}
		return nil, nil
	}
	s, err := admin.Listen(admin.Config{Addr: f.addr, Public: f.public, Hosts: f.hosts, Pprof: f.pprof, Log: log})
	if _, invalid := errors.AsType[*usage.Error](err); invalid {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return &adminServer{server: s, log: log, done: make(chan struct{})}, nil
}

// isLocal reports whether there is an address that only this machine can reach.
func (a *adminServer) isLocal() bool { return a != nil && a.server.IsLocal() }

// serve answers requests in the background until close.
func (a *adminServer) serve(view page.Config, ready func() (bool, string), collectors ...prometheus.Collector) {
	if a == nil {
		return
	}
	b := thisBuild()
	view.Version = b.Version
	p := page.New(view)
	registry := metrics.NewRegistry(metrics.Build{Version: b.Version, Revision: b.Commit, Go: b.Go}, collectors...)
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.log.Info("admin listening", slog.String("url", a.server.URL()))
	go p.Run(ctx)
	go func() {
		defer close(a.done)
		if err := a.server.Serve(admin.Handlers{Metrics: metrics.Handler(registry), Page: p, Ready: ready}); err != nil {
			a.log.Error("admin failed", slog.Any("error", err))
		}
	}()
}

// adminTimeout is how long requests may take to finish once the service has ended.
const adminTimeout = time.Second

func (a *adminServer) close() {
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	a.server.Shutdown(ctx)
	if a.stop != nil {
		a.stop()
		<-a.done
	}
}
