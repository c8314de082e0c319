package cli

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"echod/internal/engine"
	"echod/internal/metrics"
	"echod/internal/oplog"
	"echod/internal/page"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/usage"
)

// serveFlags are the flags of serve, with their defaults.
type serveFlags struct {
	listen    []sock.Spec
	listened  bool // whether --listen was given
	family    familyFlags
	engine    string
	loops     int
	buffer    int64
	memory    int64
	conns     int
	perIP     int
	idle      time.Duration
	stall     time.Duration
	drain     time.Duration
	udpPublic bool
	busyPoll  time.Duration
	tls       serverTLSFlags
	admin     adminFlags
	log       logFlags
}

func newServe(p *Process) *cobra.Command {
	f := serveFlags{
		listen: []sock.Spec{defaultListen},
		engine: "auto",
		buffer: engine.DefaultBuffer,
		memory: engine.DefaultMaxMemory,
		stall:  engine.DefaultStallTimeout,
		drain:  30 * time.Second,
		tls:    serverTLSFlags{least: defaultTLS},
		log:    logFlags{level: "info", format: "text"},
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run an echo service",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.listened = cmd.Flags().Changed("listen")
			return f.run(cmd.Context(), p)
		},
	}
	f.register(cmd)
	return cmd
}

// defaultListen is every address, on the port of the smoke test of
// protohackers.com; RFC 862's own, 7, needs privileges.
var defaultListen = mustParse("tcp://:8080")

// mustParse is for addresses that are written here.
func mustParse(url string) sock.Spec {
	spec, err := sock.Parse(url)
	if err != nil {
		panic(err)
	}
	return spec
}

func (f *serveFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(listeners(&f.listen), "listen", "serve this address; repeatable")
	f.family.register(flags)
	flags.Var(choice(&f.engine, engineNames()), "engine", "how to wait for many peers at once")
	flags.Var(number(&f.loops, 0, 1024), "loops", "event loops; 0 means one for each processor")
	flags.Var(durationOrZero(&f.busyPoll, 0), "busy-poll", "poll that long before sleeping")
	flags.Var(size(&f.buffer, engine.MinBuffer, 1<<30), "buffer", "user memory that one connection may hold")
	flags.Var(size(&f.memory, engine.MinBuffer, 1<<40), "max-memory", "user memory that all of them together may hold")
	flags.Var(number(&f.conns, 0, maxNumber), "max-conns", "connections at once; 0 means the open files allowed, less 64")
	flags.Var(number(&f.perIP, 0, maxNumber), "max-conns-per-ip", "connections of one address at once; 0 means no limit")
	flags.BoolVar(&f.udpPublic, "udp-public", false, "allow udp listeners that others can reach")
	flags.Var(durationOrZero(&f.idle, time.Millisecond), "idle-timeout", "reset a connection silent for so long; 0 means never")
	flags.Var(durationOrZero(&f.stall, time.Millisecond), "stall-timeout", "reset a peer that takes nothing it is owed for so long; 0 means never")
	flags.Var(durationOrZero(&f.drain, 0), "drain-timeout", "after a signal, let connections finish for so long")
	f.tls.register(cmd)
	f.admin.register(cmd)
	f.log.register(cmd)
	cmd.RegisterFlagCompletionFunc("engine", words(engineNames()))
}

// run serves until a signal. Until the plan is made, a signal ends the process
// as it ends any other: there is nothing to drain.
func (f *serveFlags) run(ctx context.Context, p *Process) error {
	ctx, err := f.family.applyToListeners(ctx, f.listen)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	cfg.Log = f.log.open(p, oplog.DefaultLimit)
	store, err := f.tls.open(cfg.Listeners, cfg.Log)
	if err != nil {
		return err
	}
	if store != nil {
		cfg.TLS = store.Config()
	}
	plan, err := server.NewPlan(ctx, cfg)
	if err != nil {
		return err
	}
	beside, err := f.admin.listen(cfg.Log)
	if err != nil {
		return err
	}
	defer beside.close() // after the drain, so that it can be watched
	// Who reads in the log that it listens may signal at once.
	signals := stopSignals()
	keepCertificate(ctx, store, cfg.Log)
	service, err := plan.Bind()
	if err != nil {
		return err
	}
	beside.show(page.Config{Name: "echod serve", Serve: service.Snapshot, Peers: service.Peers}, readiness(service),
		append(certificateMetrics(store), p.logMetrics(), metrics.Serve(service.Snapshot))...)
	return service.Run(ctx, signals)
}

// readiness returns a function that reports whether a service accepts connections: it
// does not from the beginning of a drain.
func readiness(s *server.Service) func() (ok bool, why string) {
	return func() (bool, string) {
		if s.Snapshot().Draining {
			return false, "draining"
		}
		return true, ""
	}
}

// config is what the flags say, in the server's terms.
func (f *serveFlags) config() (server.Config, error) {
	listeners, err := f.listeners()
	if err != nil {
		return server.Config{}, err
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return server.Config{}, usage.New("bad WATCHDOG_USEC: "+err.Error(), "the service manager sets it")
	}
	stall := f.stall
	if stall == 0 {
		stall = -1 // never, in the engines' terms
	}
	return server.Config{
		Listeners: listeners,
		Engine:    f.engine,
		TLSEngine: "net",
		Lookup:    lookupEngine,
		Settings: engine.Config{
			Loops:        f.loops,
			Buffer:       int(f.buffer),
			IdleTimeout:  f.idle,
			StallTimeout: stall,
			BusyPoll:     f.busyPoll,
		},
		Limits:       engine.Limits{MaxConns: f.conns, MaxConnsPerIP: f.perIP, MaxMemory: f.memory},
		UDPPublic:    f.udpPublic,
		DrainTimeout: f.drain,
		Notify:       notifyManager(),
		Watchdog:     watchdog,
	}, nil
}

// listeners are the sockets that the service manager passed and the addresses
// of --listen, the default only if there is neither.
func (f *serveFlags) listeners() ([]engine.Listener, error) {
	listeners, err := server.Inherited()
	if err != nil {
		return nil, err
	}
	if len(listeners) > 0 && !f.listened {
		return listeners, nil
	}
	for _, spec := range f.listen {
		listeners = append(listeners, engine.Listener{Spec: spec})
	}
	return listeners, nil
}

// notifyTime bounds one attempt to tell the service manager something: its queue
// may be full.
const notifyTime = time.Second

// notifyManager returns what sends a state to the service manager (sd_notify(3));
// nil if there is none.
func notifyManager() func(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	return func(state string) error { return notify(name, state) }
}

// notify sends one state. The connection is made anew each time, as sd_notify(3)
// does it: the manager may have another socket of that name by now.
func notify(name, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTime)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}
