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

// startTimeout is how long a setup may take until it forwards the first byte.
const startTimeout = 20 * time.Second

// Outcome is the result of one setup.
type Outcome struct {
	Program string
	Source  string
	Version string
	Setup   Setup
	Report  *Report // nil if the setup could not be run
	Reason  string  // why it could not be run
	Elapsed time.Duration
}

// Try runs one setup: it writes the files, starts the commands, waits until a byte is
// echoed, runs check, and stops the commands. If confirm is set, it also makes an
// experiment with plain sockets for each rule that failed.
func (w *Env) Try(ctx context.Context, setup Setup, target Target, confirm bool) (*Report, error) {
	dir, err := os.MkdirTemp(w.Dir, "setup-")
	if err != nil {
		return nil, err
	}
	server, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	ports, release, err := reservePorts(7)
	defer release()
	if err != nil {
		return nil, err
	}
	place := newPlace(dir, setup, target, server.Addr().(*net.TCPAddr).Port, ports)
	running, err := w.startAll(ctx, setup.Plan(place), dir)
	defer func() {
		for i := len(running) - 1; i >= 0; i-- {
			running[i].stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := setup.ready(ctx, place); err != nil {
		return nil, fmt.Errorf("%w%s", err, outputs(running))
	}
	report, err := w.check(ctx, setup.flags(place, target))
	if err == nil && confirm && !setup.IsServer {
		through := path{open: setup.url(place, toPlain), closed: setup.url(place, toNobody)}
		report.confirm(ctx, through, server)
	}
	return report, err
}

// The hops of a place, by their destination.
const (
	toEcho   = iota
	toAgent  // for the rules that need the agent
	toNobody // stream/refused
	toPlain  // the server of the experiments
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

// ready waits until a byte is echoed, and until the other ports that check needs are open.
// It does not connect to the hop of the experiments, which count connections.
func (s Setup) ready(ctx context.Context, at Place) error {
	if err := echoes(ctx, s.url(at, toEcho)); err != nil {
		return fmt.Errorf("no byte was echoed: %w", err)
	}
	if s.IsServer {
		return nil
	}
	for _, hop := range []int{toAgent, toNobody} {
		if err := accepts(ctx, at.Hops[hop].Listen); err != nil {
			return fmt.Errorf("hop %d does not listen: %w", hop+1, err)
		}
	}
	return nil
}

// flags returns the flags and the argument of check.
func (s Setup) flags(at Place, target Target) []string {
	if s.IsServer {
		return []string{s.url(at, toEcho)}
	}
	flags := []string{
		"--direct", "tcp://" + Local(target.Echo),
		"--agent", s.url(at, toAgent),
		"--direct-agent", "tcp://" + Local(target.Agent),
		"--closed", s.url(at, toNobody),
	}
	if s.EndsTLS {
		flags = append(flags, "--tls-ca", filepath.Join(at.Dir, "ca.pem"))
	}
	return append(flags, s.url(at, toEcho))
}

// url returns the URL of the program's side of a hop.
func (s Setup) url(at Place, hop int) string {
	if s.EndsTLS {
		return "tls://" + Local(at.Hops[hop].Listen)
	}
	return "tcp://" + Local(at.Hops[hop].Listen)
}

// startAll runs a plan. It returns the started processes also with an error.
func (w *Env) startAll(ctx context.Context, plan Plan, dir string) ([]*process, error) {
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
			return running, fmt.Errorf("%s does not listen: %w%s", command.Argv[0], err, outputs(running))
		}
	}
	return running, nil
}

// outputs returns the output of all processes.
func outputs(running []*process) string {
	var all string
	for _, p := range running {
		if text := p.output.String(); text != "" {
			all += "\n" + p.cmd.Args[0] + ": " + text
		}
	}
	return all
}

// accepts waits until a program listens on port.
func accepts(ctx context.Context, port int) error {
	return retry(ctx, func() error {
		conn, err := net.DialTimeout("tcp", Local(port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// echoes waits until a byte comes back from url.
func echoes(ctx context.Context, url string) error {
	return retry(ctx, func() error {
		conn, err := dial(url)
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

// retry calls ask until it returns nil, but not longer than startTimeout. The programs do
// not report when they have started.
func retry(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("not ready in time"))
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
