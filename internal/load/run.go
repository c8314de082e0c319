// Package load puts load on an echo service and measures the answers. It does not
// report better figures than the clients of the service would see: in an open loop
// latency counts from the time for which a message was scheduled, every byte is
// compared, and the result says so if the generator itself was too slow.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/usage"
)

// Progress is the state of a run, for a line that a person watches.
type Progress struct {
	At       time.Duration `json:"at"`       // since the measurement began
	Of       time.Duration `json:"of"`       // how long it will take; 0 if the number of messages decides
	Warmup   bool          `json:"warmup"`   // nothing is measured yet
	Draining bool          `json:"draining"` // nothing more is sent, and replies are awaited
	Interval Interval      `json:"interval"` // the last second; empty during the warm-up and while draining
	Total    Outcomes      `json:"total"`    // since the measurement began
}

// Outcomes counts messages by what became of them so far.
type Outcomes struct {
	Due      int64   `json:"due"`
	Answered int64   `json:"answered"`
	Lost     int64   `json:"lost"`
	Failed   Classes `json:"failed,omitempty"`
}

// UnderWay returns how many messages have no outcome yet.
func (o Outcomes) UnderWay() int64 { return o.Due - o.Answered - o.Failed.Total() - o.Lost }

// Hold lets a caller decide when the load of a run begins, e.g. at one instant on several
// machines. The zero Hold lets it begin at once.
type Hold struct {
	// Ready is called when the connections are made. The load begins when it returns nil; with
	// an error, the run ends with that error.
	Ready func(ctx context.Context) error
	// Abandoned ends the wait for the last replies when it is closed; nil: never.
	Abandoned <-chan struct{}
}

// Run carries out p. It calls observe when the warm-up begins, once a second, when the load
// ends, and when the last outcome is known, always from the same goroutine; observe may be nil.
//
// When ctx ends, nothing more is sent. The result covers what was due until then, and says
// that it was interrupted; there is none before the measurement began. A wrong byte also
// ends the run: see Result.Wrong. The error is a *usage.Error, ctx's, or a
// *dial.UnreachableError, which comes with a result.
func Run(ctx context.Context, p Plan, observe func(Progress)) (*Result, error) {
	return RunHeld(ctx, p, Hold{}, observe)
}

// RunHeld is Run with a load that begins when hold says so.
func RunHeld(ctx context.Context, p Plan, hold Hold, observe func(Progress)) (*Result, error) {
	if err := p.checkHere(runtime.NumCPU()); err != nil {
		return nil, err
	}
	return runHeld(ctx, p, hold, observe, newDriver)
}

// driver does the I/O of one thread of a plan: it makes the connections, sends and receives.
// What to do when is decided by the slots. There are two drivers: netDriver, for every platform
// and network, and loop, for speed. An error of theirs ends the whole run.
type driver interface {
	// open makes the connections. It returns when each of them is made, or has failed
	// once, or ctx has ended.
	open(ctx context.Context) error
	// drive starts the load and keeps it up until ctx ends.
	drive(ctx context.Context) error
	// close closes the connections.
	close()
}

// run is what the driver of one thread and its slots need to know of their run. What it points
// to, all threads share, except for the tally.
type run struct {
	Plan
	tally    account
	content  *content
	peers    []net.Addr // where connections go, in turn
	tag      uint32     // marks the datagrams of this run
	clock    func() int64
	schedule schedule
	share    share
}

// newRuns returns a run for each thread of a plan.
func newRuns(p Plan, peers []net.Addr) []*run {
	begun, all, content, tag := time.Now(), newTotals(), newContent(p.Seed),
		rand.Uint32() // not from the seed: two runs with one seed are different runs
	var runs []*run
	for i := range p.threads() {
		r := &run{Plan: p, tally: account{newTally(p, all), nil}, content: content, peers: peers, tag: tag,
			clock: func() int64 { return int64(time.Since(begun)) }, share: share{i, p.threads(), p.Conns}}
		if p.AllAddresses {
			for _, peer := range peers {
				r.tally.result.Addresses = append(r.tally.result.Addresses,
					Address{Address: peer.String(), Failed: Classes{}, ConnectsFailed: Classes{}, Latency: hist.New()})
			}
		}
		runs = append(runs, r)
	}
	return runs
}

// peerOf returns where the connections of a slot go.
func (r *run) peerOf(slot int) net.Addr { return r.peers[slot%len(r.peers)] }

// accountOf returns the tally for a slot.
func (r *run) accountOf(slot int) account {
	if !r.AllAddresses {
		return r.tally
	}
	return account{r.tally.tally, &r.tally.result.Addresses[slot%len(r.peers)]}
}

// now returns the time on the clock of the run, in nanoseconds.
func (r *run) now() int64 { return r.clock() }

func (r *run) udp() bool { return r.Target.Network == "udp" }

// maxConnecting is how many connects may be in progress in all threads, unless they are part of
// the load.
const maxConnecting = 128

// connectAt returns when connection i is to be opened, if the first was at begun.
func (r *run) connectAt(begun int64, i int) int64 {
	if r.ConnectRate == 0 {
		return begun
	}
	return begun + int64(float64(i)/r.ConnectRate*1e9)
}

// nextScheduled takes the next message of an open loop if it is due, for the slots in
// turn.
func (r *run) nextScheduled(now int64) (slot int, due int64, ok bool) {
	if r.Rate.IsZero() {
		return 0, 0, false
	}
	i, due, ok := r.schedule.pop(now)
	if ok {
		r.tally.scheduled(due, now)
	}
	return int(i % int64(r.Conns)), due, ok
}

func runHeld(ctx context.Context, p Plan, hold Hold, observe func(Progress), make func(*run) (driver, error)) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if observe == nil {
		observe = func(Progress) {}
	}
	p.Target.Socket = p.Socket
	to, err := reach(ctx, p)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case isUsage(err):
		return nil, err
	case err != nil:
		return unreached(p, err), err
	}
	for _, peer := range to {
		if err := p.Target.Permitted(peer.String()); err != nil {
			return nil, err
		}
	}
	t := &threads{runs: newRuns(p, to), hold: hold}
	defer t.close()
	for _, r := range t.runs {
		d, err := make(r)
		if err != nil {
			return nil, err
		}
		t.drivers = append(t.drivers, d)
	}
	if err := cmp.Or(t.open(ctx), ctx.Err()); err != nil {
		return nil, err
	}
	if hold.Ready != nil {
		if err := hold.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return t.measure(ctx, observe)
}

// reach makes one connection first, so that a service that does not answer is one error. It
// returns the address of that connection, or all addresses of the name if the plan says so:
// then one that does not answer is part of what is measured. The name is looked up only once.
func reach(ctx context.Context, p Plan) ([]net.Addr, error) {
	unreachable := func(err error) error {
		return &dial.UnreachableError{Target: p.Target.String(), Class: dial.Classify(err), Err: err}
	}
	if !p.AllAddresses {
		addr, err := reachOne(ctx, p, p.Target)
		if err != nil {
			return nil, unreachable(err)
		}
		return []net.Addr{addr}, nil
	}
	found, err := p.Target.Addresses(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	if len(found) > p.Conns {
		return nil, usage.New(fmt.Sprintf("--conns %d: the name has %d addresses", p.Conns, len(found)), fmt.Sprintf("want %d or more", len(found)))
	}
	var peers []net.Addr
	var failed []error
	for _, address := range found {
		if _, err := reachOne(ctx, p, p.Target.At(address)); err != nil {
			failed = append(failed, err)
		}
		peers = append(peers, peerAddr(p.Target.Network, address))
	}
	if len(failed) == len(peers) {
		return nil, unreachable(failed[0])
	}
	return peers, nil
}

// peerAddr returns an address of a name, which is IP:PORT.
func peerAddr(network, address string) net.Addr {
	at, _ := netip.ParseAddrPort(address)
	if network == "udp" {
		return net.UDPAddrFromAddrPort(at)
	}
	return net.TCPAddrFromAddrPort(at)
}

func reachOne(ctx context.Context, p Plan, target dial.Target) (net.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if len(p.Sources) > 0 {
		target.Source = p.Sources[0]
	}
	conn, err := target.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.RemoteAddr(), dial.AwaitCertRejection(ctx, conn, p.Timeout/8)
}

func isUsage(err error) bool {
	_, ok := errors.AsType[*usage.Error](err)
	return ok
}

// unreached returns the result of a plan that found no service: nothing was measured.
func unreached(p Plan, err error) *Result {
	r := newTally(p, newTotals()).result
	r.ConnectsFailed.add(dial.Classify(err))
	r.Started, r.Environment = time.Now(), environment()
	return r
}
