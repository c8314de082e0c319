package cli

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/agent"
	"echod/internal/endpoint"
	"echod/internal/metrics"
	"echod/internal/oplog"
	"echod/internal/sock"
	"echod/internal/usage"
)

// agentFlags are the flags of agent, with their defaults.
type agentFlags struct {
	listen sock.Spec
	token  string
	limits agent.Limits
	admin  adminFlags
	log    logFlags
}

func newAgent(p *Process) *cobra.Command {
	f := agentFlags{
		listen: mustParse("tcp://:7008"),
		limits: agent.Limits{Time: agent.DefaultTime, Bytes: agent.DefaultBytes, Runs: agent.DefaultRuns},
		log:    logFlags{level: "info", format: "text"},
	}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "be the far end of a check",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			return f.run(cmd.Context(), p)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(agentListen{&f.listen}, "listen", "be an agent at this address")
	flags.Var(token{&f.token}, "token", "what clients must bring")
	flags.Var(span{&f.limits.Time, time.Millisecond}, "max-time", "how long one scenario may take")
	flags.Var(size{&f.limits.Bytes, 1 << 20, 1 << 40}, "max-bytes", "bytes that one scenario takes")
	flags.Var(count{&f.limits.Runs, 1, 4096}, "max-scenarios", "scenarios at once")
	f.admin.register(cmd)
	f.log.register(flags)
	cmd.RegisterFlagCompletionFunc("log-level", words(logLevels))
	cmd.RegisterFlagCompletionFunc("log-format", words(logFormats))
	return cmd
}

// run acts until a signal, then resets what goes on: there is nothing to drain. A
// second signal ends the process at once.
func (f *agentFlags) run(ctx context.Context, p *Process) error {
	if f.limits.Time == 0 {
		return usage.New("--max-time: no scenario can be acted out in no time", "write it as in 30s or 2m")
	}
	log := f.log.open(p, oplog.DefaultLimit)
	specs, err := f.listen.Resolve(ctx)
	if err != nil {
		return err
	}
	spec := specs[max(0, slices.IndexFunc(specs, func(s sock.Spec) bool { return s.Addr.Addr().Is4() }))]
	beside, err := f.admin.listen(log)
	if err != nil {
		return err
	}
	defer beside.close()
	ln, conn, bound, err := listenForAgent(ctx, spec)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	spec.Addr = bound
	if !spec.Addr.Addr().IsLoopback() && f.token == "" {
		log.Warn("whoever reaches the agent can use it; a token protects it")
	}
	log.Info("listening", slog.String("url", spec.String()))
	s := &agent.Server{Token: agent.NewSecret(f.token), Limits: f.limits, UDP: conn, Log: log}
	beside.show(agentPage(s, spec.String(), f.limits), nil, p.logMetrics(), metrics.Agent(s.Snapshot))
	return s.Serve(ctx, ln)
}

// agentListen is the one address of an agent.
type agentListen struct{ spec *sock.Spec }

func (v agentListen) Type() string { return "URL" }

func (v agentListen) String() string {
	if v.spec == nil {
		return ""
	}
	return v.spec.String()
}

func (v agentListen) Set(text string) error {
	spec, err := sock.Parse(text)
	if err != nil {
		return err
	}
	if spec.Network != "tcp" || strings.Contains(text, "?") {
		return endpoint.BadURL(text, "an agent is on tcp and has no engine", "want tcp://host:port")
	}
	*v.spec = spec
	return nil
}
