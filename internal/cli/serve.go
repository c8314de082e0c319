package cli

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"echod/internal/certs"
	"echod/internal/engine"
	"echod/internal/metrics"
	"echod/internal/oplog"
	"echod/internal/page"
	"echod/internal/sandbox"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/trace"
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
	trace     traceFlags
	admin     adminFlags
	sandbox   sandboxFlag
	log       logFlags
}

func newServe(p *Process) *cobra.Command {
	f := serveFlags{
		listen:  []sock.Spec{defaultListen},
		engine:  "auto",
		buffer:  engine.DefaultBuffer,
		memory:  engine.DefaultMaxMemory,
		stall:   engine.DefaultStallTimeout,
		drain:   30 * time.Second,
		tls:     serverTLSFlags{least: defaultTLS},
		sandbox: sandboxFlag{sandbox.Auto},
		log:     logFlags{level: "info", format: "text"},
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run an echo service",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.listened = cmd.Flags().Changed("listen")
			return f.run(cmd, p)
		},
	}
	f.register(cmd)
	return cmd
}

// defaultListen is every address. The port is that of the smoke test of
// protohackers.com; port 7 of RFC 862 needs privileges.
var defaultListen = mustParse("tcp://:8080")

// mustParse parses a constant.
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
	flags.Var(listeners(&f.listen), "listen", "an address to serve; repeatable")
	f.family.register(flags)
	flags.Var(choice(&f.engine, engineNames()), "engine", "the engine: "+orList(engineNames()))
	flags.Var(number(&f.loops, 0, 1024), "loops", "event loops; 0: one for each processor")
	flags.Var(durationOrZero(&f.busyPoll, 0), "busy-poll", "how long a loop polls before it sleeps")
	flags.Var(size(&f.buffer, engine.MinBuffer, 1<<30), "buffer", "user memory for one connection")
	flags.Var(size(&f.memory, engine.MinBuffer, 1<<40), "max-memory", "user memory for all connections")
	flags.Var(number(&f.conns, 0, maxNumber), "max-conns", "connections at once; 0: the limit of open files, less 64")
	flags.Var(number(&f.perIP, 0, maxNumber), "max-conns-per-ip", "connections of one IP address at once; 0: no limit")
	flags.BoolVar(&f.udpPublic, "udp-public", false, "allow udp listeners that other machines can reach")
	flags.Var(durationOrZero(&f.idle, time.Millisecond), "idle-timeout", "reset a connection that is idle for this long; 0: never")
	flags.Var(durationOrZero(&f.stall, time.Millisecond), "stall-timeout", "reset a stalled reader after this long; 0: never")
	flags.Var(durationOrZero(&f.drain, 0), "drain-timeout", "how long connections may take to finish after a signal")
	f.tls.register(cmd)
	f.trace.register(cmd, true)
	f.admin.register(cmd)
	f.sandbox.register(cmd)
	f.log.register(cmd)
}

// run serves until a signal. Before the plan is made, a signal has its default effect:
// there is nothing to drain.
func (f *serveFlags) run(cmd *cobra.Command, p *Process) error {
	ctx, err := f.family.applyToListeners(cmd.Context(), f.listen)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if err := f.sandbox.check(); err != nil {
		return err
	}
	cfg.Log = f.log.open(p, oplog.DefaultLimit)
	secure := func(ln engine.Listener) bool { return ln.Spec.Network == "tls" }
	store, err := f.tls.open(slices.ContainsFunc(cfg.Listeners, secure), cfg.Log)
	if err != nil {
		return err
	}
	if store != nil {
		cfg.TLS = store.Config()
	}
	f.trace.live = f.admin.addr != ""
	recorder, stopTrace, err := f.trace.open(cmd.Flags(), p.Stdout, trace.Header{Program: "echod serve", Side: trace.Server}, f.trace.incompleteTrace(cfg.Log))
	if err != nil {
		return err
	}
	defer stopTrace()
	cfg.Settings.Trace = recorder
	plan, err := server.NewPlan(ctx, cfg)
	if err != nil {
		return err
	}
	web, err := f.admin.listen(cfg.Log)
	if err != nil {
		return err
	}
	defer web.close() // after the drain, so that it can be watched
	// A signal may arrive as soon as the log says that the service listens.
	signals, stop := stopSignals(2) // one starts the drain, the other ends it
	defer stop()
	followCertificate(ctx, store, cfg.Log)
	service, err := plan.Bind()
	if err != nil {
		return err
	}
	if err := f.confine(p, service, cfg.Log); err != nil {
		service.Close()
		return err
	}
	keepProcessorIdle(p, loopsOf(service.Snapshot()))
	view := page.Config{Name: "echod serve", Serve: service.Snapshot, Peers: service.Peers}
	if web.isLocal() {
		view.Trace, view.TracePayload = service.Trace, f.trace.payloadBytes()
	}
	web.serve(view, readiness(service),
		append(certificateMetrics(store), p.logMetrics(), metrics.Serve(service.Snapshot))...)
	return service.Run(ctx, signals)
}

// confine enters the sandbox, with what service needs.
func (f *serveFlags) confine(p *Process, service *server.Service, log *slog.Logger) error {
	needs := f.admin.needs(f.tls)
	needs.Manager, needs.VRFs = os.Getenv(managerVariable), sock.ReadsVRFs()
	for _, e := range service.Snapshot().Engines {
		for _, ln := range e.Listeners {
			if ln.Network == "unix" && ln.File != (sock.FileID{}) { // it is not inherited
				needs.Sockets = append(needs.Sockets, ln.Path)
			}
		}
	}
	return f.sandbox.enter(p, needs, log)
}

// keepProcessorIdle lets the Go scheduler have one processor (GOMAXPROCS) more than there are
// event loops, of a server or of a generator. A loop waits in a system call. If that takes longer than 20 µs and no processor is
// idle, the runtime takes the loop's away and starts a thread that polls the network; the loop
// has to get it back when it wakes up (retake, in runtime/proc.go). That is more work than a
// message. An operator's GOMAXPROCS stays as it is.
func keepProcessorIdle(p *Process, loops int) {
	if loops >= runtime.GOMAXPROCS(0) && p.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(loops + 1)
	}
}

// loopsOf returns how many event loops there are.
func loopsOf(s server.Snapshot) (loops int) {
	for _, e := range s.Engines {
		loops += len(e.Stats.Loops)
	}
	return loops
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

// config returns the configuration that the flags describe.
func (f *serveFlags) config() (server.Config, error) {
	listeners, err := f.listeners()
	if err != nil {
		return server.Config{}, err
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return server.Config{}, usage.New("invalid WATCHDOG_USEC: "+err.Error(), "want what systemd sets")
	}
	stall := f.stall
	if stall == 0 {
		stall = -1 // engines take 0 for the default
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

// listeners returns the sockets that the service manager passed and the addresses of
// --listen. The default of --listen is used only if there are neither.
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

// notifyTimeout limits one message to the service manager, whose queue may be full.
const notifyTimeout = time.Second

// managerVariable has the name of the socket of the service manager (sd_notify(3)).
const managerVariable = "NOTIFY_SOCKET"

// notifyManager returns a function that sends a state to the service manager
// (sd_notify(3)), nil if there is no service manager. It opens a socket, because the
// sandbox allows no new one. It connects to nothing: each message has the name of the
// manager's socket, which may have been created again since the last one.
func notifyManager() func(state string) error {
	name := os.Getenv(managerVariable)
	if name == "" {
		return nil
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"}) // the kernel names it: unix(7)
	if err != nil {
		return func(string) error { return err }
	}
	conn.CloseRead() // nobody has a reason to send to it
	return func(state string) error {
		if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
			return err
		}
		_, err := conn.WriteToUnix([]byte(state), &net.UnixAddr{Name: name, Net: "unixgram"})
		return err
	}
}

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

// open reads the certificate, which is needed if a listener is for TLS. It returns nil if
// none is, or if no certificate is given: the caller reports the listener that lacks it.
func (f *serverTLSFlags) open(needed bool, log *slog.Logger) (*certs.Store, error) {
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
