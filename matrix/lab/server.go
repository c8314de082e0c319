package lab

import (
	"context"
	"fmt"
)

// Serve starts the lab's own echo, which stands behind every proxy, and the
// agent beside it. stop ends both.
func (w *Workshop) Serve(ctx context.Context) (target Target, stop func(), err error) {
	ports, err := freePorts(2)
	if err != nil {
		return Target{}, nil, err
	}
	target = Target{Echo: ports[0], Agent: ports[1]}
	commands := []Command{
		{Argv: []string{"echod", "serve", "--listen", "tcp://" + Local(target.Echo)}, Await: target.Echo},
		{Argv: []string{"echod", "agent", "--listen", "tcp://" + Local(target.Agent)}, Await: target.Agent},
	}
	running, err := w.raise(ctx, Plan{Commands: commands}, w.Dir)
	stop = func() {
		for _, p := range running {
			p.stop()
		}
	}
	if err != nil {
		stop()
		return Target{}, nil, fmt.Errorf("the honest server: %w", err)
	}
	return target, stop, nil
}

// Direct checks the lab's own echo with nothing in between. The error is what
// it did wrong: then nothing behind anything can be judged.
func (w *Workshop) Direct(ctx context.Context, target Target) (*Report, error) {
	report, err := w.check(ctx, []string{"--agent", "tcp://" + Local(target.Agent), "tcp://" + Local(target.Echo)})
	if err != nil {
		return nil, err
	}
	for _, r := range report.Results {
		if r.Verdict == "fail" || r.Verdict == "error" {
			return nil, fmt.Errorf("the honest server fails %s directly: %s", r.Rule, r.Detail)
		}
	}
	return report, nil
}
