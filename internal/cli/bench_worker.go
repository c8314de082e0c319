package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/agent"
	"echod/internal/endpoint"
	"echod/internal/engine"
	"echod/internal/oplog"
	"echod/internal/sock"
	"echod/internal/spread"
)

// benchWorkerFlags are the flags of bench worker, with their defaults.
type benchWorkerFlags struct {
	listen sock.Spec
	family familyFlags
	token  string
	allow  []netip.Prefix
	once   bool
	log    logFlags
}

func newBenchWorker(p *Process) *cobra.Command {
	f := benchWorkerFlags{listen: mustParse("tcp://:7009"), allow: spread.DefaultAllow, log: logFlags{level: "info", format: "text"}}
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "put load on echoes for bench on another machine",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), p) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(workerListener(&f.listen), "listen", "the address of the worker")
	f.family.register(flags)
	flags.Var(token(&f.token), "token", "what coordinators must know")
	flags.Var(networks(&f.allow), "allow", "put load on addresses of this network; repeatable")
	flags.BoolVar(&f.once, "once", false, "end after one load")
	f.log.register(cmd)
	return cmd
}

// run serves until a signal. A second signal ends the process at once.
func (f *benchWorkerFlags) run(ctx context.Context, p *Process) error {
	listen := []sock.Spec{f.listen}
	ctx, err := f.family.applyToListeners(ctx, listen)
	if err != nil {
		return err
	}
	log := f.log.open(p, oplog.DefaultLimit)
	specs, err := listen[0].Resolve(ctx)
	if err != nil {
		return err
	}
	spec := specs[max(0, slices.IndexFunc(specs, func(s sock.Spec) bool { return s.Addr.Addr().Is4() }))]
	ln, err := listenForStreams(ctx, spec)
	if err != nil {
		return err
	}
	if spec.Addr, err = sock.BoundTo(ln.Addr()); err != nil {
		ln.Close()
		return sock.NewListenError(spec, err)
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	if !spec.Addr.Addr().IsLoopback() && f.token == "" {
		log.Warn("everybody who reaches the worker can put load on the networks of --allow; --token protects it")
	}
	keepProcessorIdle(p, runtime.NumCPU()) // the most threads that a plan can have here
	log.Info("listening", slog.String("url", spec.String()))
	conns := engine.NewBudget(engine.Limits{}).Limits().MaxConns // as many as this process may open files
	w := &spread.Worker{Token: agent.NewSecret(f.token), Allow: f.allow, MaxConns: conns, Echod: thisBuild().brief(), Once: f.once, Log: log}
	return w.Serve(ctx, ln)
}

// workerListener is the address of a worker, which serves TCP and needs no engine.
func workerListener(spec *sock.Spec) pflag.Value {
	return &value[sock.Spec]{spec, "URL", func(text string) (sock.Spec, error) {
		spec, err := sock.Parse(text, "tcp")
		if err == nil && spec.Engine != "" {
			err = endpoint.BadURL(text, "a worker has no engine", "want tcp://HOST:PORT")
		}
		return spec, err
	}, sock.Spec.String, []string{"tcp://"}}
}

// networks are IP networks, e.g. 10.0.0.0/8, or single addresses.
func networks(all *[]netip.Prefix) pflag.Value {
	return newList(all, "network", func(text string) (netip.Prefix, error) {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			return netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return prefix, errors.New("want a network, e.g. 10.0.0.0/8, or an IP address")
		}
		return prefix, nil
	}, netip.Prefix.String)
}
