// Package selftest checks echod's own engines against the rules of echod check: every
// engine that works on this machine, on every network that it serves, in this process
// and on loopback.
package selftest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"echod/check"
	"echod/internal/certs"
	"echod/internal/engine"
	"echod/internal/sock"
)

// Options are the settings of a test.
type Options struct {
	Rules []string // IDs or globs, as in check.Options; none means the default rules
	Seed  uint64   // every byte is made from it; 0 means a random seed
	Echod string   // the version, for the reports

	// Progress is called when a rule starts and with each result, never
	// concurrently. It counts the rules of all columns together, and names a rule
	// e.g. "epoll/udp datagram/exact".
	Progress func(check.Progress)
}

// maxServers is how many servers are checked concurrently. Rules wait most of the
// time; with more servers, each would wait for the processors.
const maxServers = 6

// timeout is the limit on each wait. It is not about speed: that many checks at the
// same time slow each other down.
const timeout = 20 * time.Second

// Run tests all engines that work on this machine. If ctx ends, the matrix has the
// results so far. The error is a *check.UsageError.
func Run(ctx context.Context, engines []engine.Engine, o Options) (*Matrix, error) {
	start := time.Now()
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) // short enough to type
	}
	m, engineOf := plan(engines, o)
	var (
		wg       sync.WaitGroup
		slots    = make(chan struct{}, maxServers)
		progress = newProgress(m, o)
	)
	for i := range m.Columns {
		column := &m.Columns[i]
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			column.Report, column.Err = checkEngine(ctx, engineOf[i], column.Network, check.Options{
				Rules: o.Rules, Seed: o.Seed, Timeout: timeout,
				Progress: progress.ofColumn(i, column.Engine+"/"+column.Network),
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

// plan returns a matrix without results, and the engine of each column.
func plan(engines []engine.Engine, o Options) (m *Matrix, engineOf []engine.Engine) {
	m = &Matrix{Echod: o.Echod, Seed: o.Seed}
	noRule := countRules(o.Rules, "") == 0 // check returns the error
	for _, e := range engines {
		if err := e.Probe(); err != nil {
			m.Absent = append(m.Absent, Absent{e.Name(), err})
			continue
		}
		for _, network := range e.Caps().Networks {
			if noRule || countRules(o.Rules, network) > 0 {
				m.Columns = append(m.Columns, Column{Engine: e.Name(), Network: network})
				engineOf = append(engineOf, e)
			}
		}
	}
	return m, engineOf
}

// countRules returns how many rules of network, or of any network if it is "", match
// one of the patterns. No patterns match all rules.
func countRules(patterns []string, network string) int {
	n := 0
	for _, r := range check.Rules() {
		if (network == "" || r.Fits(network)) && (len(patterns) == 0 || slices.ContainsFunc(patterns, r.Matches)) {
			n++
		}
	}
	return n
}

// checkEngine checks a server of e on network.
func checkEngine(ctx context.Context, e engine.Engine, network string, o check.Options) (*check.Report, error) {
	dir, err := os.MkdirTemp("", "echod")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	listener, trust, err := newListener(network, dir)
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
		// Connections that are still open are of no use.
		canceled, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(canceled)
		<-served
	}()
	target, err := check.ParseTarget(server.Listeners()[0].String())
	if err != nil {
		return nil, err
	}
	target.TLS = trust
	o.Anyway = true // an engine that does not echo breaks rules
	report, err := check.Run(ctx, target, o)
	if report == nil {
		return nil, err
	}
	// The server is closed then, so no command line can repeat a rule on it.
	report.Target = check.Target{Network: network, Address: e.Name(), Dial: closed}
	return report, nil // the report itself says that it was interrupted
}

func closed(context.Context) (net.Conn, error) { return nil, net.ErrClosed }

// newListener returns a listener for network with an address of its own, and what a
// client needs to trust it; nil without TLS. dir is for the file of a unix socket.
func newListener(network, dir string) (engine.Listener, *tls.Config, error) {
	if network == "unix" {
		return engine.Listener{Spec: sock.Spec{Network: network, Path: filepath.Join(dir, "echo.sock")}}, nil, nil
	}
	spec := sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	if network != "tls" {
		return engine.Listener{Spec: spec}, nil, nil
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(tomorrow)
	if err != nil {
		return engine.Listener{}, nil, err
	}
	server, err := ca.NewServer(tomorrow, spec.Host)
	if err != nil {
		return engine.Listener{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	cert := tls.Certificate{Certificate: [][]byte{server.Cert.Raw}, PrivateKey: server.Key}
	return engine.Listener{Spec: spec, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, &tls.Config{RootCAs: roots}, nil
}

// progress adds up the progress of the columns.
type progress struct {
	report func(check.Progress)
	total  int // rules of all columns

	mu      sync.Mutex
	columns []check.Progress // the last progress of each
}

func newProgress(m *Matrix, o Options) *progress {
	p := &progress{report: o.Progress, columns: make([]check.Progress, len(m.Columns))}
	for _, column := range m.Columns {
		p.total += countRules(o.Rules, column.Network)
	}
	return p
}

// ofColumn returns the function for the progress of column i, which has this name.
func (p *progress) ofColumn(i int, name string) func(check.Progress) {
	return func(now check.Progress) {
		for r := range now.Running {
			now.Running[r] = name + " " + now.Running[r]
		}
		if now.Result != nil {
			now.Result.Rule = name + " " + now.Result.Rule
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.columns[i] = now
		sum := check.Progress{Result: now.Result, Total: p.total}
		for _, c := range p.columns {
			sum.Done += c.Done
			sum.Running = append(sum.Running, c.Running...)
		}
		p.report(sum)
	}
}
