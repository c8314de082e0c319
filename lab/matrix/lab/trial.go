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

// comeUp is how long a setup may take to carry its first byte.
const comeUp = 20 * time.Second

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
	ports, release, err := lendAll(7)
	defer release()
	if err != nil {
		return nil, err
	}
	place := newPlace(dir, setup, target, far.Addr().(*net.TCPAddr).Port, ports)
	running, err := w.raise(ctx, setup.Plan(place), dir)
	defer func() {
		for i := len(running) - 1; i >= 0; i-- {
			running[i].stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := setup.ready(ctx, place); err != nil {
		return nil, fmt.Errorf("%w%s", err, said(running))
	}
	report, err := w.check(ctx, setup.flags(place, target))
	if err == nil && confirm && !setup.Itself {
		through := way{open: Local(place.Hops[toPlain].Listen), closed: Local(place.Hops[toNobody].Listen)}
		report.confirm(ctx, through, far)
	}
	return report, err
}

// The hops of a place, by where they lead.
const (
	toEcho   = iota
	toAgent  // the rules that ask what the far side saw
	toNobody // stream/refused
	toPlain  // the far end of the plain experiments
)

func newPlace(dir string, setup Setup, target Target, plain int, ports []int) Place {
	listen, spare := ports[:4], ports[4:]
	if setup.Port != 0 {
		listen[toEcho] = setup.Port
	}
	var hops []Hop
	for i, to := range []int{toEcho: target.Echo, toAgent: target.Agent, toNobody: target.Closed, toPlain: plain} {
		hops = append(hops, Hop{Listen: listen[i], To: to})
	}
	return Place{Dir: dir, Hops: hops, Spare: spare}
}

// ready waits until a byte comes back, and until the other ports are open that
// check needs. Nobody touches the hop of the experiments, which count what comes.
func (s Setup) ready(ctx context.Context, at Place) error {
	if err := echoes(ctx, at.Hops[toEcho].Listen); err != nil {
		return fmt.Errorf("it never echoed a byte: %w", err)
	}
	if s.Itself {
		return nil
	}
	for _, hop := range []int{toAgent, toNobody} {
		if err := accepts(ctx, at.Hops[hop].Listen); err != nil {
			return fmt.Errorf("it never listened on its port %d: %w", hop+1, err)
		}
	}
	return nil
}

// flags are what check is asked.
func (s Setup) flags(at Place, target Target) []string {
	echo := "tcp://" + Local(at.Hops[toEcho].Listen)
	if s.Itself {
		return []string{echo}
	}
	return []string{
		"--direct", "tcp://" + Local(target.Echo),
		"--agent", "tcp://" + Local(at.Hops[toAgent].Listen),
		"--direct-agent", "tcp://" + Local(target.Agent),
		"--closed", "tcp://" + Local(at.Hops[toNobody].Listen),
		echo,
	}
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

// eventually asks until there is no error, for as long as comeUp. Nobody tells
// when a foreign program has come up, so it must be asked.
func eventually(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, comeUp, errors.New("not ready in time"))
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
