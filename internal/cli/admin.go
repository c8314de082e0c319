package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"echod/internal/admin"
	"echod/internal/metrics"
	"echod/internal/page"
	"echod/internal/usage"
)

// adminFlags say whether and where there is an HTTP server beside a verb that
// goes on for long.
type adminFlags struct {
	addr   string
	public bool
	hosts  []string
	pprof  bool
}

func (f *adminFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "admin", "", "serve metrics, health and a page over HTTP at this address")
	flags.BoolVar(&f.public, "admin-public", false, "allow an --admin address that others can reach")
	flags.Var(hostNames(&f.hosts), "admin-host", "a name by which requests may call it; repeatable")
	flags.BoolVar(&f.pprof, "admin-pprof", false, "serve Go's profiles, too")
}

// aside is an admin server, or none. A nil one does nothing.
type aside struct {
	server *admin.Server
	log    *slog.Logger
	stop   context.CancelFunc
	over   chan struct{} // closed when it answers no more
}

// listen binds the address, if there is one: before anything else is, so that
// one that cannot be had leaves nothing half-started.
func (f *adminFlags) listen(log *slog.Logger) (*aside, error) {
	if f.addr == "" {
		if f.public || f.pprof || len(f.hosts) > 0 {
			return nil, usage.New("--admin-public, --admin-host and --admin-pprof mean nothing without --admin", "add --admin 127.0.0.1:9462")
		}
		return nil, nil
	}
	s, err := admin.Listen(admin.Config{Addr: f.addr, Public: f.public, Hosts: f.hosts, Pprof: f.pprof, Log: log})
	if err != nil {
		return nil, err
	}
	return &aside{server: s, log: log, over: make(chan struct{})}, nil
}

// show answers in the background until close.
func (a *aside) show(view page.Config, ready func() (bool, string), collectors ...prometheus.Collector) {
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
		defer close(a.over)
		if err := a.server.Serve(admin.Handlers{Metrics: metrics.Handler(registry), Page: p, Ready: ready}); err != nil {
			a.log.Error("admin broke", slog.Any("error", err))
		}
	}()
}

// adminPatience is how long those who are being answered may take when the rest
// has ended.
const adminPatience = time.Second

// close ends it.
func (a *aside) close() {
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminPatience)
	defer cancel()
	a.server.Shutdown(ctx)
	if a.stop != nil {
		a.stop()
		<-a.over
	}
}
