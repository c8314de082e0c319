package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// ready is how long a setup may take to carry its first byte.
const ready = 20 * time.Second

// Outcome is what came of one setup.
type Outcome struct {
	Program string
	Source  string
	Version string
	Setup   Setup
	Report  *Report // nil if it could not be run
	Reason  string  // then: why not
	Elapsed time.Duration
}

// Target is where the lab's own echo and agent are.
type Target struct {
	Echo  int
	Agent int
}

// Try carries out one setup: writes its files, starts it, waits until it echoes
// a byte, checks it, and ends it. If confirm is set, what failed is put to plain
// sockets, too.
func (w *Workshop) Try(ctx context.Context, setup Setup, target Target, confirm bool) (*Report, error) {
	dir, err := os.MkdirTemp(w.Dir, "setup-")
	if err != nil {
		return nil, err
	}
	far, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer far.Close()
	place, err := newPlace(dir, setup, target, far.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, err
	}
	running, err := w.raise(ctx, setup.Plan(place), dir)
	defer func() {
		for i := len(running) - 1; i >= 0; i-- {
			running[i].stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := echoes(ctx, place.Hops[0].Listen); err != nil {
		return nil, fmt.Errorf("it never echoed a byte: %w%s", err, said(running))
	}
	report, err := w.check(ctx, setup.flags(place))
	if err == nil && confirm && !setup.Itself {
		report.confirm(Local(place.Hops[2].Listen), far)
	}
	return report, err
}

// newPlace finds ports for setup. Its hops lead to the echo, to the agent and
// to the far end of the plain experiments.
func newPlace(dir string, setup Setup, target Target, plain int) (Place, error) {
	ports, err := freePorts(5)
	if err != nil {
		return Place{}, err
	}
	if setup.Port != 0 {
		ports[0] = setup.Port
	}
	hops := []Hop{{ports[0], target.Echo}, {ports[1], target.Agent}, {ports[2], plain}}
	return Place{Dir: dir, Hops: hops, Spare: ports[3:]}, nil
}

// flags are what check is asked.
func (s Setup) flags(at Place) []string {
	target := "tcp://" + Local(at.Hops[0].Listen)
	if s.Itself {
		return []string{target}
	}
	return []string{"--agent", "tcp://" + Local(at.Hops[1].Listen), target}
}

// raise carries plan out. What it started is returned with an error, too.
func (w *Workshop) raise(ctx context.Context, plan Plan, dir string) ([]*process, error) {
	for _, file := range plan.Files {
		if err := os.WriteFile(filepath.Join(dir, file.Name), []byte(file.Text), 0o600); err != nil {
			return nil, err
		}
	}
	for _, argv := range plan.Before {
		if err := w.run(ctx, dir, argv); err != nil {
			return nil, err
		}
	}
	var running []*process
	for _, command := range plan.Commands {
		p, err := w.start(dir, command.Argv)
		if err != nil {
			return running, err
		}
		running = append(running, p)
		if command.Await == 0 {
			continue
		}
		if err := accepts(ctx, command.Await); err != nil {
			return running, fmt.Errorf("%s never listened: %w%s", command.Argv[0], err, said(running))
		}
	}
	return running, nil
}

// said is what the programs complained about, the newest last.
func said(running []*process) string {
	var all string
	for _, p := range running {
		if text := p.output.String(); text != "" {
			all += "\n" + p.cmd.Args[0] + " said: " + text
		}
	}
	return all
}

// accepts waits until somebody listens on port.
func accepts(ctx context.Context, port int) error {
	return eventually(ctx, func() error {
		conn, err := net.DialTimeout("tcp", Local(port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// echoes waits until a byte comes back from port.
func echoes(ctx context.Context, port int) error {
	return eventually(ctx, func() error {
		conn, err := net.DialTimeout("tcp", Local(port), time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := conn.Write([]byte{'?'}); err != nil {
			return err
		}
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err
	})
}

// eventually asks until there is no error, for as long as ready. Nobody tells
// when a foreign program has come up, so it must be asked.
func eventually(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ready, errors.New("not ready in time"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
