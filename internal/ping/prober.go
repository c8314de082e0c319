package ping

import (
	"context"
	"fmt"
	"sync"
	"time"

	"echod/internal/dial"
)

// Prober sends probes to one service.
type Prober struct{ config Config }

// New returns a Prober that has not started. The error is a *usage.Error.
func New(c Config) (*Prober, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Prober{c}, nil
}

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
	r.loop(ctx)
	cancel()
	r.closeConn(r.flights.inFlight > 0)
	r.workers.Wait()
}

// run is one call of Prober.Run.
type run struct {
	Config
	payloads *payloads
	flights  flights
	due      time.Time // when the next probe is sent
	begun    bool      // there was a connection, or a probe was lost

	conn     *connection // nil while there is none
	dialing  bool        // an attempt to connect is in progress
	dials    chan dialed
	arrivals chan arrival
	outcomes chan outcome // with Config.Reconnect
	attempts int          // in progress, with Config.Reconnect
	workers  sync.WaitGroup
	outage   outage
	icmp     arrival // the last transient error of a socket for datagrams
	reported string  // the address of the last socket for datagrams that OnConn got
}

func newRun(c Config) *run {
	r := &run{
		Config: c, payloads: newPayloads(c.Size), due: time.Now(),
		dials: make(chan dialed), arrivals: make(chan arrival, 64), outcomes: make(chan outcome, 64),
	}
	if r.datagrams() {
		r.flights.remember = maxRemembered
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
		return r.Count == 0 || r.flights.last < uint64(r.Count)
	}
}

func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		// Answers that have arrived come first, so that no answered probe expires.
		r.receiveAll()
		now := time.Now()
		r.expire(now)
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
		timer.Reset(time.Until(r.next(more)))
		select {
		case a := <-r.arrivals:
			r.receive(a)
		case d := <-r.dials:
			r.connected(d)
		case o := <-r.outcomes:
			r.finished(o)
		case <-timer.C:
		case <-stop:
		case <-ctx.Done():
		}
	}
}

// receiveAll handles the arrivals in the queue. It takes at most one queue, so that
// endless arrivals cannot hold up the loop.
func (r *run) receiveAll() {
	for range cap(r.arrivals) {
		select {
		case a := <-r.arrivals:
			r.receive(a)
		case d := <-r.dials:
			r.connected(d)
		case o := <-r.outcomes:
			r.finished(o)
		default:
			return
		}
	}
}

// next returns when the next probe is due, if there are more, or the first one in flight
// expires.
func (r *run) next(more bool) time.Time {
	first := r.flights.first()
	switch {
	case first == nil || r.Reconnect && more:
		return r.due
	case r.Reconnect:
		return time.Now().Add(r.Timeout) // the attempts have their own timeouts
	case !more || first.sent.Add(r.Timeout).Before(r.due):
		return first.sent.Add(r.Timeout)
	}
	return r.due
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
	missed := now.Sub(r.due) / r.Interval
	r.due = r.due.Add((missed + 1) * r.Interval) // the next time on the schedule
	f := &flight{stamp: now.UnixNano(), sent: now}
	switch {
	case r.Reconnect && r.attempts >= maxAttempts:
		r.loseUnsent(&notSentError{r.attempts})
	case r.Reconnect:
		r.flights.add(f)
		r.attempt(ctx, f)
	case r.conn != nil && len(r.conn.stream.owed) >= maxOwed:
		r.loseUnsent(&notSentError{maxOwed})
	case r.conn != nil:
		r.flights.add(f)
		r.write(f)
	case r.dial(ctx, now):
		r.flights.add(f)
	default:
		r.loseUnsent(r.outage.err)
	}
}

// loseUnsent loses a probe that is not sent.
func (r *run) loseUnsent(err error) {
	f := &flight{fate: Lost}
	r.flights.add(f)
	r.report(Probe{Fate: Lost, Seq: f.seq, At: time.Now(), Class: classify(err), Err: err})
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
		r.icmp = arrival{at: at, err: err}
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
		if r.icmp.at.After(f.sent) {
			err = r.icmp.err
		}
		r.lose(f, now, err)
	}
	if c := r.conn; c != nil && len(c.stream.owed)-c.inFlight > maxForgotten && now.Sub(c.heard) >= maxForgotten*max(r.Interval, r.Timeout) {
		r.disconnect(&noAnswerError{r.Timeout})
	}
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
	p := Probe{Fate: Lost, Seq: f.seq, At: at, Phases: r.phases(f), Class: classify(err), Err: err}
	if f.conn != nil || r.Reconnect {
		p.Sent = f.sent
	}
	r.report(p)
	if r.tryOtherAddress(err) {
		r.closeConn(true)
	}
}

// tryOtherAddress reports whether the next datagram should go to another address of the
// name: this one refused, and nothing has been sent since. Other probes may be in
// flight: one error may be about several, and then there always are some.
func (r *run) tryOtherAddress(err error) bool {
	return r.datagrams() && transient(err) && !dial.TooLong(err) && r.Target.HasName() && !r.flights.find(r.flights.last).sent.After(r.icmp.at)
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
	}
}
