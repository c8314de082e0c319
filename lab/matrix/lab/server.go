package lab

import (
	"context"
	"fmt"
)

// Target has the ports of an honest echo server and an agent, and a port where nothing
// listens.
type Target struct {
	Echo   int
	Agent  int
	Closed int
}

// Serve starts the echo server and the agent that are behind every proxy. stop stops both.
func (w *Env) Serve(ctx context.Context) (target Target, stop func(), err error) {
	ports, release, err := reservePorts(2)
	if err != nil {
		release()
		return Target{}, nil, err
	}
	closed, err := reserveClosed()
	if err != nil {
		release()
		return Target{}, nil, err
	}
	target = Target{Echo: ports[0], Agent: ports[1], Closed: closed.number}
	commands := []Command{
		{Argv: []string{"echod", "serve", "--listen", "tcp://" + Local(target.Echo)}, Await: target.Echo},
		{Argv: []string{"echod", "agent", "--listen", "tcp://" + Local(target.Agent)}, Await: target.Agent},
	}
	running, err := w.startAll(ctx, Plan{Commands: commands}, w.Dir)
	stop = func() {
		for _, p := range running {
			p.stop()
		}
		release()
		closed.release()
	}
	if err != nil {
		stop()
		return Target{}, nil, fmt.Errorf("start of the echo server and the agent: %w", err)
	}
	return target, stop, nil
}
