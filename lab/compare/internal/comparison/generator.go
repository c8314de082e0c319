package comparison

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// generator is a running load generator, whose connections stay open.
type generator struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
}

// sliceTimeout is how much longer than its time a slice may take. The generator gives up
// before: GRACE_S in meter.h.
const sliceTimeout = 2 * time.Minute

// startGenerator starts the load generator of w on cpus, against s.
func (b Runner) startGenerator(ctx context.Context, s *process, w Workload, cpus string) (*generator, error) {
	cmd := pinnedCommand(ctx, cpus, append(b.Tools.generator(w, s.port), "-q", strconv.Itoa(s.cmd.Process.Pid))...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g := &generator{cmd: cmd, in: in, out: bufio.NewReader(out), stderr: new(bytes.Buffer)}
	cmd.Stderr = g.stderr
	return g, launch(cmd, b.Nice)
}

// order tells the generator to run a slice. 0 active connections are all of them. An error is
// that of receive.
func (g *generator) order(measure, warmup time.Duration, active int) {
	line := fmt.Sprintf("%g %g", measure.Seconds(), warmup.Seconds())
	if active > 0 {
		line += fmt.Sprintf(" %d", active)
	}
	fmt.Fprintln(g.in, line)
}

// receive waits for the end of a slice and returns its sample. After an error the generator
// has ended.
func (g *generator) receive(limit time.Duration) (Sample, error) {
	timer := time.AfterFunc(limit, func() { g.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := g.out.ReadBytes('\n')
	if err != nil {
		g.in.Close()
		if ended := g.cmd.Wait(); ended != nil {
			err = ended
		}
		return Sample{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(g.stderr.String()))
	}
	var s Sample
	if err := json.Unmarshal(line, &s); err != nil {
		return Sample{}, fmt.Errorf("load generator: %w in %q", err, line)
	}
	return s, nil
}

// stop kills the generator and waits for its end.
func (g *generator) stop() {
	g.cmd.Process.Kill()
	g.in.Close()
	g.cmd.Wait() // an error if it has ended before
}

// contender is a server that runs, with its load generators.
type contender struct {
	server     *process
	generators []*generator
	active     int // connections of each generator; 0: all
}

// startContender starts a server and its generators, and runs a first slice that does not
// count: it ends when all connections are open.
func (b Runner) startContender(ctx context.Context, c Server, m Case) (contender, error) {
	serverCPUs, clientCPUs, loads := strconv.Itoa(b.ServerCPU), strconv.Itoa(b.ClientCPU), 1
	if m.Free {
		serverCPUs, clientCPUs, loads = b.cpus(), b.cpus(), 2
	}
	s, err := c.start(ctx, serverCPUs, b.Nice)
	if err != nil {
		return contender{}, err
	}
	all := contender{server: s, active: m.Active}
	w := m.Workload
	w.Conns /= loads
	for range loads {
		g, err := b.startGenerator(ctx, s, w, clientCPUs)
		if err != nil {
			all.stop()
			return contender{}, fmt.Errorf("load %s: %w", c.Name, err)
		}
		all.generators = append(all.generators, g)
	}
	if _, err := all.slice(b.Warmup, b.Warmup); err != nil {
		all.stop()
		return contender{}, fmt.Errorf("load %s with %s: %w", c.Name, m.Workload, err)
	}
	return all, nil
}

// slice runs one slice. Several generators run at the same time, and the sample is that of
// all of them.
func (c contender) slice(measure, warmup time.Duration) (Sample, error) {
	for _, g := range c.generators {
		g.order(measure, warmup, c.active)
	}
	samples := make([]Sample, len(c.generators))
	for i, g := range c.generators {
		var err error
		if samples[i], err = g.receive(measure + warmup + sliceTimeout); err != nil {
			return Sample{}, err
		}
	}
	return together(samples), nil
}

// together returns the sample of generators that ran at the same time against one server.
func together(samples []Sample) Sample {
	var sum Sample
	n := float64(len(samples))
	for _, s := range samples {
		sum.Seconds += s.Seconds / n
		sum.Messages += s.Messages
		sum.All += s.All
		sum.Lost += s.Lost
		sum.ClientSeconds += s.ClientSeconds
		sum.ServerSeconds += s.ServerSeconds / n // each has measured the same server
	}
	return sum
}

// pids returns the processes of the contender.
func (c contender) pids() []int {
	all := []int{c.server.cmd.Process.Pid}
	for _, g := range c.generators {
		all = append(all, g.cmd.Process.Pid)
	}
	return all
}

func (c contender) stop() {
	for _, g := range c.generators {
		g.stop()
	}
	c.server.stop()
}
