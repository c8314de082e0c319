package ping

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/dial"
)

// Prober sends probes to one service.
type Prober struct {
	config   Config
	inFlight atomic.Int64
}

// New returns a Prober that has not started. The error is a *usage.Error.
func New(c Config) (*Prober, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Prober{config: c}, nil
}

// InFlight returns how many probes were in flight when Run last waited: they are due, and
// have no fate yet. It may be called by any goroutine.
func (p *Prober) InFlight() int64 { return p.inFlight.Load() }

// Run sends probes until Config.Count of them are answered or lost, or Config.Stop is
// closed, or ctx ends. After the last probe it waits for those in flight. The end of ctx
// reports nothing of the probes in flight. Run calls OnProbe and OnConn itself. When it
// returns, all its goroutines and connections have ended. Each Run counts from 1 and has
// its own key.
//
// Probes are sent on schedule, whatever became of earlier ones. On a stream the order of
// the answers shows which is which. A probe that is due while the connection is made waits
// for it. The schedule begins with the first connection, or the first attempt to connect if
// that fails. A probe that is due while too many are in flight, or in the pause between
// two attempts to connect, is lost.
func (p *Prober) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRun(p.config)
	r.inFlight = &p.inFlight
	r.loop(ctx)
	p.inFlight.Store(0)
	cancel()
	r.closeConn(r.flights.inFlight > 0)
	for _, c := range r.retired {
		c.shutdown(c.inFlight > 0)
	}
	r.workers.Wait()
}

// run is one call of Prober.Run.
type run struct {
	Config
	payloads *payloads
	flights  flights
	inFlight *atomic.Int64
	due      time.Time // when the next probe is sent
	begun    bool      // there was a connection, or a probe was lost

	conn       *connection // nil while there is none
	dialing    bool        // an attempt to connect is in progress
	dialPaused bool        // and was in a pause
	dials      chan dialed
	arrivals   chan arrival
	outcomes   chan outcome // with Config.Reconnect
	attempts   int          // in progress, with Config.Reconnect
	workers    sync.WaitGroup

	retired   []*connection
	renewal   renewal
	resolveAt time.Time // when the name is looked up again
	lookups   chan []string

	alive     time.Time            // when the loop last knew that it runs
	suspended func() time.Duration // how long the machine has been suspended since it started
	seen      time.Duration        // the last result of suspended

	outage   outage
	icmp     arrival // the last transient error of a socket for datagrams
	reported string  // the address of the last socket for datagrams that OnConn got
}

func newRun(c Config) *run {
	r := &run{
		Config: c, payloads: newPayloads(c.Size), inFlight: new(atomic.Int64), due: time.Now(),
		dials: make(chan dialed), arrivals: make(chan arrival, 64), outcomes: make(chan outcome, 64), lookups: make(chan []string), suspended: suspended,
	}
	r.seen, r.alive = r.suspended(), r.due
	if r.datagrams() {
		r.flights.remember = maxRemembered
	}
	if c.Turn != nil {
		r.due = r.due.Add(never)
	}
	return r
}

func (r *run) datagrams() bool { return r.Target.Network == "udp" }

// more reports whether there are probes to send.
func (r *run) more() bool {
	select {
	case <-r.Stop:
		return false
	default:
		return r.Count == 0 || r.flights.last < uint64(r.Count)+r.flights.paused
	}
}

func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		// Answers that have arrived come first, so that no answered probe expires.
		now := r.afterWork(r.more())
		r.receiveAll()
		r.expire(now)
		r.renew(ctx, now)
		r.follow(ctx, now)
		more, stop := r.more(), r.Stop
		if !more && r.flights.inFlight == 0 {
			return
		}
		if more && !now.Before(r.due) {
			r.send(ctx, now)
			continue
		}
		if !more {
			stop = nil // it is closed, perhaps
		}
		r.inFlight.Store(int64(r.flights.inFlight))
		wake := r.next(more)
		timer.Reset(time.Until(wake))
		var next event
		select {
		case next.arrival = <-r.arrivals:
		case next.dialed = <-r.dials:
		case next.outcome = <-r.outcomes:
		case addresses := <-r.lookups:
			r.resolved(ctx, addresses)
		case <-timer.C:
		case <-r.Turn:
			r.due = time.Now()
		case <-stop:
		case <-ctx.Done():
		}
		r.afterWait(wake, next, more)
	}
}

// event is what the loop waits for: one of its fields is set, or none.
type event struct {
	arrival arrival
	dialed  dialed
	outcome outcome
}

func (e event) at() time.Time { return cmp.Or(e.arrival.at, e.dialed.at, e.outcome.at) }

func (r *run) handle(e event) {
	switch {
	case !e.arrival.at.IsZero():
		r.receive(e.arrival)
	case e.dialed.conn != nil:
		r.connected(e.dialed)
	case e.outcome.flight != nil:
		r.finished(e.outcome)
	}
}

// poll returns the next event in the queues.
func (r *run) poll() (e event, ok bool) {
	select {
	case e.arrival = <-r.arrivals:
	case e.dialed = <-r.dials:
	case e.outcome = <-r.outcomes:
	default:
		return e, false
	}
	return e, true
}

// receiveAll handles the events in the queues. It takes at most one queue, so that
// endless arrivals cannot hold up the loop. An event may have happened after a pause.
func (r *run) receiveAll() {
	for range cap(r.arrivals) {
		e, ok := r.poll()
		if !ok {
			return
		}
		if length := time.Since(r.alive); length >= LongPause {
			r.pause(r.alive, length, e, r.more())
			continue
		}
		r.handle(e)
	}
}

// next returns when the loop has something to do.
func (r *run) next(more bool) time.Time {
	next := time.Now().Add(time.Hour)
	earliest := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if more {
		earliest(r.due)
	}
	if first := r.flights.first(); first != nil && !r.Reconnect {
		earliest(first.sent.Add(r.Timeout))
	}
	for _, c := range r.retired {
		earliest(r.until(c))
	}
	if r.Resolve > 0 && r.conn != nil && r.resolveAt.After(time.Now()) {
		earliest(r.resolveAt)
	}
	return next
}

// NotSent is the class of a probe that was lost because too many others are in flight.
const NotSent dial.Class = "not-sent"

// The limits of the probes in flight, and of the lost answers that a stream still owes.
const (
	maxOwed     = maxInFlight // of one stream
	maxAttempts = 256         // connections of Config.Reconnect
)

// notSentError is returned for a probe that is due while too many are in flight.
type notSentError struct{ owed int }

func (e *notSentError) Error() string { return fmt.Sprintf("not sent: %d are in flight", e.owed) }

// send sends a probe, or starts to connect.
func (r *run) send(ctx context.Context, now time.Time) {
	r.missed(now, now.Sub(r.due), 0)
	r.due = r.after(r.due)
	f := &flight{stamp: now.UnixNano(), sent: now}
	switch {
	case r.Reconnect && r.attempts >= maxAttempts:
		r.loseUnsent(&notSentError{r.attempts}, false)
	case r.Reconnect:
		r.flights.add(f)
		r.attempt(ctx, f)
	case r.conn != nil && len(r.conn.stream.owed) >= maxOwed:
		r.loseUnsent(&notSentError{maxOwed}, false)
	case r.conn != nil:
		r.flights.add(f)
		r.write(f)
	case r.dial(ctx, now):
		r.flights.add(f)
	default:
		r.loseUnsent(r.outage.err, r.outage.lost)
		r.outage.lost = true
	}
}

// never is longer than a run.
const never = 100 * 365 * 24 * time.Hour

// after returns when the probe after the one at due is due. With Config.Turn, nobody knows yet.
func (r *run) after(due time.Time) time.Time {
	if r.Turn != nil {
		return due.Add(never)
	}
	return due.Add(r.Interval)
}

// loseUnsent loses a probe that is not sent. Shared means that one was lost for err before.
func (r *run) loseUnsent(err error, shared bool) {
	f := &flight{fate: Lost}
	r.flights.add(f)
	r.report(Probe{Fate: Lost, Seq: f.seq, At: time.Now(), Class: classify(err), Err: err, SameFailure: shared})
}

// write sends f on the connection.
func (r *run) write(f *flight) {
	c := r.conn
	f.conn = c
	c.inFlight++
	if !r.datagrams() {
		c.stream.owed = append(c.stream.owed, f)
		c.outbox.add(f)
		return
	}
	err := r.writeDatagram(c, f)
	if err == nil {
		return
	}
	at := time.Now()
	if transient(err) {
		r.icmp = arrival{conn: c, at: at, err: err}
	}
	r.lose(f, at, err)
}

// writeDatagram writes f's bytes. Its round trip starts just before.
func (r *run) writeDatagram(c *connection, f *flight) error {
	bytes := r.payloads.probe(f.seq, f.stamp)
	f.sent = time.Now()
	c.SetWriteDeadline(f.sent.Add(r.Timeout))
	c.writes.Add(1)
	_, err := c.Write(bytes)
	if err != nil && transient(err) {
		// The error was about an earlier datagram, and this one was not sent.
		f.sent = time.Now()
		c.writes.Add(1)
		_, err = c.Write(bytes)
	}
	return err
}

// maxForgotten is how many lost answers a stream may owe while nothing arrives. With
// more, and after that many timeouts or intervals, it is closed: a path that has
// forgotten the connection never reports an error.
const maxForgotten = 8

// expire loses the probes that have been in flight for r.Timeout.
func (r *run) expire(now time.Time) {
	if r.Reconnect {
		return // the attempts have their own timeouts
	}
	for f := r.flights.first(); f != nil && now.Sub(f.sent) >= r.Timeout; f = r.flights.first() {
		err := error(&noAnswerError{r.Timeout})
		if r.icmp.conn == f.conn && r.icmp.at.After(f.sent) {
			err = r.icmp.err
		}
		r.lose(f, now, err)
	}
	if c := r.conn; c != nil && len(c.stream.owed)-c.inFlight > maxForgotten && now.Sub(c.heard) >= maxForgotten*max(r.Interval, r.Timeout) {
		r.disconnect(c, &noAnswerError{r.Timeout})
	}
	r.sweep(now)
}

// noAnswerError is returned when an answer did not arrive in time.
type noAnswerError struct{ wait time.Duration }

func (e *noAnswerError) Error() string { return fmt.Sprintf("no answer within %v", e.wait) }

// Timeout makes dial.Classify return dial.Timeout.
func (e *noAnswerError) Timeout() bool { return true }

// Temporary completes net.Error.
func (e *noAnswerError) Temporary() bool { return true }

// lose finishes f as lost.
func (r *run) lose(f *flight, at time.Time, err error) {
	r.begun = true
	r.flights.finish(f, Lost)
	p := Probe{Fate: Lost, Seq: f.seq, At: at, Phases: r.phases(f), Class: classify(err), Err: err, SameFailure: f.shared}
	if f.conn != nil || r.Reconnect {
		p.Sent = f.sent
	}
	r.report(p)
	if f.conn == r.conn { // else it was in flight on a socket that has been replaced
		r.renewal.lose(p.Class, r.refuses(err))
	}
}

// refuses reports whether err shows that datagrams are refused: nothing has been sent
// since. Other probes may be in flight: one error may be about several, and then there
// always are some.
func (r *run) refuses(err error) bool {
	return r.datagrams() && transient(err) && !r.flights.find(r.flights.last).sent.After(r.icmp.at)
}

// phases returns the phases of f that are reported.
func (r *run) phases(f *flight) Phases {
	if !r.Reconnect {
		return Phases{}
	}
	return f.phases
}

func (r *run) report(p Probe) {
	if r.OnProbe != nil {
		r.OnProbe(p)
		r.alive = time.Now()
	}
}
