package lab

import (
	"context"
	"fmt"
)

// Target is where the lab's own echo and agent are, and a port where nobody is.
type Target struct {
	Echo   int
	Agent  int
	Closed int
}

// Serve starts the lab's own echo, which stands behind every proxy, and the
// agent beside it. stop ends both.
func (w *Workshop) Serve(ctx context.Context) (target Target, stop func(), err error) {
	ports, release, err := lendAll(2)
	if err != nil {
		release()
		return Target{}, nil, err
	}
	closed, err := deny()
	if err != nil {
		release()
		return Target{}, nil, err
	}
	target = Target{Echo: ports[0], Agent: ports[1], Closed: closed.number}
	commands := []Command{
		{Argv: []string{"echod", "serve", "--listen", "tcp://" + Local(target.Echo)}, Await: target.Echo},
		{Argv: []string{"echod", "agent", "--listen", "tcp://" + Local(target.Agent)}, Await: target.Agent},
	}
	running, err := w.raise(ctx, Plan{Commands: commands}, w.Dir)
	stop = func() {
		for _, p := range running {
			p.stop()
		}
		release()
		closed.release()
	}
	if err != nil {
		stop()
		return Target{}, nil, fmt.Errorf("the honest server: %w", err)
	}
	return target, stop, nil
}
