package selftest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"echod/check"
	"echod/internal/engine"
)

// Options say how to test.
type Options struct {
	Rules []string // IDs or globs, as in check.Options; none means the default set
	Seed  uint64   // what every byte is made from; 0 means a random one
	Echod string   // the version, for the reports

	// Progress is called when a rule begins and with each result as it comes,
	// never twice at once. It counts all columns together, and names rules as
	// "epoll/udp datagram/exact".
	Progress func(check.Progress)
}

// Matrix is what came of it.
type Matrix struct {
	Echod   string
	Seed    uint64
	Columns []Column // engine by engine, each network in turn
	Absent  []Absent
	Elapsed time.Duration
}

// Column is one engine on one network.
type Column struct {
	Engine  string
	Network string
	Report  *check.Report // nil if there is an Err
	Err     error         // why it was not checked
}

// Absent is an engine that does not work here.
type Absent struct {
	Engine string
	Reason error
}

// sideBySide is how many servers are checked at once. Rules wait most of the
// time; more at once would make each wait for the processors.
const sideBySide = 6

// patience is the longest wait for one event. It is no measure of speed: so many
// checks at once may keep one another waiting.
const patience = 20 * time.Second

// Run tests all of engines that work here. If ctx ends, the matrix is of what was
// found so far. The error is a *check.UsageError.
func Run(ctx context.Context, engines []engine.Engine, o Options) (*Matrix, error) {
	start := time.Now()
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	m, serving := plan(engines, o)
	var (
		wg     sync.WaitGroup
		places = make(chan struct{}, sideBySide)
		tally  = newTally(m, o)
	)
	for i := range m.Columns {
		column := &m.Columns[i]
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			column.Report, column.Err = try(ctx, serving[i], column.Network, check.Options{
				Rules: o.Rules, Seed: o.Seed, Timeout: patience,
				Progress: tally.of(i, column.Engine+"/"+column.Network),
			})
		})
	}
	wg.Wait()
	for _, column := range m.Columns {
		if mistake, ok := errors.AsType[*check.UsageError](column.Err); ok {
			return nil, mistake
		}
		if column.Report != nil {
			column.Report.Echod = o.Echod
		}
	}
	m.Elapsed = time.Since(start)
	return m, nil
}

// plan is the matrix with nothing in it yet, and the engine of each column.
func plan(engines []engine.Engine, o Options) (m *Matrix, serving []engine.Engine) {
	m = &Matrix{Echod: o.Echod, Seed: o.Seed}
	nothing := asked(o.Rules, "") == 0 // that is for check to refuse
	for _, e := range engines {
		if err := e.Probe(); err != nil {
			m.Absent = append(m.Absent, Absent{e.Name(), err})
			continue
		}
		for _, network := range e.Caps().Networks {
			if nothing || asked(o.Rules, network) > 0 {
				m.Columns = append(m.Columns, Column{Engine: e.Name(), Network: network})
				serving = append(serving, e)
			}
		}
	}
	return m, serving
}

// asked is how many rules of network, "" for any, the patterns mean. None mean
// all.
func asked(patterns []string, network string) int {
	n := 0
	for _, r := range check.Rules() {
		meant := func(pattern string) bool {
			ok, err := path.Match(pattern, r.ID)
			return ok && err == nil
		}
		if (network == "" || r.Fits(network)) && (len(patterns) == 0 || slices.ContainsFunc(patterns, meant)) {
			n++
		}
	}
	return n
}

// try serves network by e for as long as the check takes.
func try(ctx context.Context, e engine.Engine, network string, o check.Options) (*check.Report, error) {
	dir, err := os.MkdirTemp("", "echod")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	listener, trust, err := listen(network, dir)
	if err != nil {
		return nil, err
	}
	server, err := e.New(engine.Config{Listeners: []engine.Listener{listener}})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", network, err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	defer func() {
		// Whatever is still open is of no use to anybody.
		over, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(over)
		<-served
	}()
	target, err := check.ParseTarget(server.Listeners()[0].String())
	if err != nil {
		return nil, err
	}
	target.TLS = trust
	report, err := check.Run(ctx, target, o)
	if report == nil {
		return nil, err
	}
	// No command line can name a server that is gone.
	report.Target = check.Target{Network: network, Address: e.Name(), Dial: gone}
	return report, nil // that it was interrupted, it says itself
}

func gone(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
