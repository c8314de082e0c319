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
	"sync"
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
	return runWith(ctx, p, observe, newDriver)
}

// RunHeld is Run with a load that begins when hold says so.
func RunHeld(ctx context.Context, p Plan, hold Hold, observe func(Progress)) (*Result, error) {
	return runHeld(ctx, p, hold, observe, newDriver)
}

// driver does the I/O of a plan: it makes the connections, sends and receives. What to
// do when is decided by the slots. There are two drivers: netDriver, for every platform
// and network, and loop, for speed.
type driver interface {
	// open makes the connections. It returns when each of them is made, or has failed
	// once, or ctx has ended.
	open(ctx context.Context)
	// drive starts the load and keeps it up until ctx ends.
	drive(ctx context.Context)
	// close closes the connections.
	close()
}

// run is what a driver and its slots need to know of their run.
type run struct {
	Plan
	tally    account
	content  *content
	peers    []net.Addr // where connections go, in turn
	tag      uint32     // marks the datagrams of this run
	clock    func() int64
	schedule schedule
	hold     Hold
}

func newRun(p Plan, peers []net.Addr) *run {
	begun := time.Now()
	r := &run{Plan: p, tally: account{newTally(p), nil}, content: newContent(p.Seed), peers: peers,
		tag:   rand.Uint32(), // not from the seed: two runs with one seed are different runs
		clock: func() int64 { return int64(time.Since(begun)) }}
	if p.AllAddresses {
		for _, peer := range peers {
			r.tally.result.Addresses = append(r.tally.result.Addresses,
				Address{Address: peer.String(), Failed: Classes{}, ConnectsFailed: Classes{}, Latency: hist.New()})
		}
	}
	return r
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

// maxConnecting is how many connects may be in progress, unless they are part of the
// load.
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

func runWith(ctx context.Context, p Plan, observe func(Progress), make func(*run) (driver, error)) (*Result, error) {
	return runHeld(ctx, p, Hold{}, observe, make)
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
	r := newRun(p, to)
	r.hold = hold
	d, err := make(r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.open(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hold.Ready != nil {
		if err := hold.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return r.measure(ctx, d, observe)
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
	r := newTally(p).result
	r.ConnectsFailed.add(dial.Classify(err))
	r.Started, r.Environment = time.Now(), environment()
	return r
}

// measure runs the driver through the warm-up and the measurement, and completes the
// result.
func (r *run) measure(ctx context.Context, d driver, observe func(Progress)) (*Result, error) {
	driving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var working, archiving sync.WaitGroup
	end := func() { stop(); working.Wait() }
	begin := r.now()
	r.schedule.phase = r.Phase
	r.schedule.start(begin, r.Rate)
	r.tally.begin(begin+int64(r.Warmup), &r.schedule)
	working.Go(func() { d.drive(driving) })
	archiving.Go(r.tally.archive)
	observe(Progress{Warmup: true, Of: r.Duration})
	// All messages of a plan may have their outcomes as soon as the warm-up is over.
	measured := r.wait(ctx, r.Warmup) || r.now() >= r.tally.from
	if measured {
		r.watch(ctx, observe, end)
	} else {
		r.tally.result.Started = time.Now() // nothing was measured; a wrong byte is reported with this time
		r.tally.stop(r.now(), &r.schedule)
		end()
	}
	close(r.tally.finished)
	archiving.Wait()
	result := r.tally.total()
	if !measured && result.Wrong == nil {
		return nil, ctx.Err()
	}
	result.Environment = environment()
	result.Behind = r.behind(result)
	return result, r.verdict(result)
}

// watch keeps the time of the measurement: of each second, and of the end. At the end
// nothing more is sent, and what is under way is waited for. Without that, a server that
// stalls at the end would look fast. Then it calls end, which stops the driver.
func (r *run) watch(ctx context.Context, observe func(Progress), end func()) {
	meter := newMeter(r.ServerPID)
	r.tally.result.Started = time.Now().Add(time.Duration(r.tally.from - r.now())) // this goroutine may be late
	for going := true; going; {
		next := time.Second
		if r.Duration > 0 {
			next = min(next, time.Duration(r.tally.from-r.now())+r.Duration)
		}
		going = r.wait(ctx, next) && (r.Duration == 0 || r.now() < r.tally.from+int64(r.Duration))
		now := r.now()
		if !going {
			r.tally.result.Interrupted = ctx.Err() != nil // not later: the measurement is complete then
			r.tally.stop(now, &r.schedule)
			meter.read(&r.tally.result.CPU)
		}
		second := r.tally.nextInterval(now)
		meter.sample()
		observe(Progress{At: time.Duration(now - r.tally.from), Of: r.Duration, Interval: second, Total: r.tally.soFar()})
	}
	draining := Progress{At: time.Duration(r.now() - r.tally.from), Of: r.Duration, Draining: true, Total: r.tally.soFar()}
	observe(draining)
	r.drain()
	end()
	r.tally.lastInterval(r.now())
	draining.Total = r.tally.soFar()
	observe(draining)
}

// wait returns true after d, and false if ctx or the run ends before that.
func (r *run) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-r.tally.enough:
	}
	return false
}

// drain waits until all messages that were due have an outcome. It waits for a second more
// than the timeout, so that the driver notices the last timeouts.
func (r *run) drain() {
	timer := time.NewTimer(r.Timeout + time.Second)
	defer timer.Stop()
	select {
	case <-r.tally.settled:
	case <-r.hold.Abandoned:
	case <-timer.C:
	}
}

// The generator has kept up if the scheduling delay of 99 % of the messages was at most
// tooLate, and if it took at least tooFew of all messages from the schedule in time.
const (
	tooLate = 10 * time.Millisecond
	tooFew  = 0.99
)

// behind returns the target and what was achieved, if the generator has not kept up.
func (r *run) behind(result *Result) *Behind {
	if r.Rate.IsZero() || result.Seconds == 0 || result.Wrong != nil {
		return nil
	}
	inTime := float64(r.tally.outcomes.inTime)
	b := &Behind{Target: float64(result.Due) / result.Seconds, Achieved: inTime / result.Seconds, SchedulingDelay: result.SchedulingDelay.Quantile(0.99)}
	if b.SchedulingDelay <= tooLate && inTime >= tooFew*float64(result.Due)-1 {
		return nil
	}
	return b
}

// verdict returns an error if nothing worked at all.
func (r *run) verdict(result *Result) error {
	switch {
	case !result.Balanced():
		return fmt.Errorf("bench has counted wrongly, which is a bug: of %d messages %d were answered, %d failed and %d were lost",
			result.Due, result.Answered, result.Failed.Total(), result.Lost)
	case result.Answered > 0 || result.Wrong != nil || result.Interrupted:
		return nil
	case result.Due == 0 && result.Connects > 0:
		return usage.New(fmt.Sprintf("no message was sent within %g s", result.Seconds), "want a longer duration")
	case result.Due == 0:
		return &dial.UnreachableError{Target: r.Target.String(), Class: cmp.Or(result.ConnectsFailed.most(), dial.Timeout), Err: errors.New("no connection was made")}
	}
	return &dial.UnreachableError{Target: r.Target.String(), Class: cmp.Or(result.Failed.most(), dial.Timeout),
		Err: fmt.Errorf("none of %d messages came back", result.Due)}
}
