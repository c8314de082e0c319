package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/agent"
	"echod/internal/metrics"
	"echod/internal/oplog"
	"echod/internal/page"
	"echod/internal/sandbox"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/trace"
)

// agentFlags are the flags of agent, with their defaults.
type agentFlags struct {
	listen  sock.Spec
	family  familyFlags
	token   string
	limits  agent.Limits
	tls     serverTLSFlags
	trace   traceFlags
	admin   adminFlags
	sandbox sandboxFlag
	log     logFlags
}

func newAgent(p *Process) *cobra.Command {
	f := agentFlags{
		listen:  mustParse("tcp://:7008"),
		limits:  agent.Limits{Time: agent.DefaultTime, Bytes: agent.DefaultBytes, Runs: agent.DefaultRuns},
		tls:     serverTLSFlags{least: defaultTLS},
		sandbox: sandboxFlag{sandbox.Auto},
		log:     logFlags{level: "info", format: "text"},
	}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "run the remote agent for check",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, p)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(agentListener(&f.listen), "listen", "the address of the agent")
	f.family.register(flags)
	flags.Var(token(&f.token), "token", "what clients must know")
	flags.Var(duration(&f.limits.Time, time.Millisecond), "max-time", "how long one scenario may take")
	flags.Var(size(&f.limits.Bytes, 1<<20, 1<<40), "max-bytes", "how many bytes one scenario may receive")
	flags.Var(number(&f.limits.Runs, 1, 4096), "max-scenarios", "scenarios at once")
	f.tls.register(cmd)
	f.trace.register(cmd, true)
	f.admin.register(cmd)
	f.sandbox.register(cmd)
	f.log.register(cmd)
	return cmd
}

// run serves until a signal, and then resets all connections. A second signal ends the
// process at once.
func (f *agentFlags) run(cmd *cobra.Command, p *Process) error {
	listen := []sock.Spec{f.listen}
	ctx, err := f.family.applyToListeners(cmd.Context(), listen)
	if err != nil {
		return err
	}
	if err := f.sandbox.check(); err != nil {
		return err
	}
	log := f.log.open(p, oplog.DefaultLimit)
	store, err := f.tls.open(f.listen.Network == "tls", log)
	switch {
	case err != nil:
		return err
	case f.listen.Network == "tls" && store == nil:
		return server.NoCertificate(f.listen)
	}
	specs, err := listen[0].Resolve(ctx)
	if err != nil {
		return err
	}
	spec := specs[max(0, slices.IndexFunc(specs, func(s sock.Spec) bool { return s.Addr.Addr().Is4() }))]
	recorder, stopTrace, err := f.trace.open(cmd.Flags(), p.Stdout, trace.Header{Program: "echod agent", Side: trace.Server}, f.trace.incompleteTrace(log))
	if err != nil {
		return err
	}
	defer stopTrace()
	web, err := f.admin.listen(log)
	if err != nil {
		return err
	}
	defer web.close()
	ln, conn, bound, err := listenForAgent(ctx, spec)
	if err != nil {
		return err
	}
	needs := f.admin.needs(f.tls)
	needs.VRFs = sock.ReadsVRFs()
	if err := f.sandbox.enter(p, needs, log); err != nil {
		return errors.Join(err, ln.Close(), conn.Close())
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	spec.Addr = bound
	if !spec.Addr.Addr().IsLoopback() && f.token == "" {
		log.Warn("every client that reaches the agent can use it; --token protects it")
	}
	log.Info("listening", slog.String("url", spec.String()))
	s := &agent.Server{Token: agent.NewSecret(f.token), Limits: f.limits, UDP: conn, Log: log, Trace: recorder}
	if store != nil {
		s.TLS = store.Config()
		followCertificate(ctx, store, log)
	}
	web.serve(page.Config{Name: "echod agent", Agent: s.Snapshot, AgentURL: spec.String(), AgentLimits: f.limits}, nil,
		append(certificateMetrics(store), p.logMetrics(), metrics.Agent(s.Snapshot))...)
	return s.Serve(ctx, ln)
}

// listenForAgent binds spec, which is resolved, for TCP and, on the same port, for UDP,
// and returns the address. Without a host, it binds both families. Port 0 is a port that
// is free for both protocols.
func listenForAgent(ctx context.Context, spec sock.Spec) (net.Listener, *net.UDPConn, netip.AddrPort, error) {
	for try := 1; ; try++ {
		ln, err := listenForStreams(ctx, spec)
		if err != nil {
			return nil, nil, netip.AddrPort{}, err
		}
		bound, err := sock.BoundTo(ln.Addr())
		if err != nil {
			ln.Close()
			return nil, nil, netip.AddrPort{}, sock.NewListenError(spec, err)
		}
		conn, err := listenForDatagrams(ctx, spec, bound.Port())
		if err == nil {
			return ln, conn, bound, nil
		}
		ln.Close()
		if spec.Addr.Port() != 0 || try == 10 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, netip.AddrPort{}, err
		}
	}
}

// listenForStreams uses TCP and not MPTCP, whose resets differ.
func listenForStreams(ctx context.Context, spec sock.Spec) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, spec.NetNetwork(), spec.Addr.String())
	if err != nil {
		return nil, sock.NewListenError(spec, err)
	}
	return ln, nil
}

// listenForDatagrams returns a socket that reports the local address of each datagram:
// the answer must be sent from there.
func listenForDatagrams(ctx context.Context, spec sock.Spec, port uint16) (*net.UDPConn, error) {
	spec.Network = "udp"
	spec.Addr = netip.AddrPortFrom(spec.Addr.Addr(), port)
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return sock.ReceivePktInfo(c) }}
	conn, err := lc.ListenPacket(ctx, spec.NetNetwork(), spec.Addr.String())
	if err != nil {
		return nil, sock.NewListenError(spec, err)
	}
	return conn.(*net.UDPConn), nil
}
