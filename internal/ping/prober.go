package ping

import (
	"context"
	"fmt"
	"sync"
	"time"
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

// Run sends probes until Config.Count of them are answered or lost, or ctx ends. The end
// of ctx reports nothing of the probes in flight. Run calls OnProbe and OnConn itself.
// When it returns, all its goroutines and connections have ended. Each Run counts from 1
// and has its own key.
//
// A stream has one probe in flight at a time: while its answer is due, later probes
// wait. Datagrams are sent on schedule. Probes that were not sent at their time are not
// sent later.
func (p *Prober) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRun(p.config)
	r.loop(ctx)
	r.closeConn(r.flights.inFlight > 0)
	r.readers.Wait()
}

// run is one call of Prober.Run.
type run struct {
	Config
	oneAtATime bool // a probe is sent only after the one before it was answered or lost
	payloads   *payloads
	flights    flights
	due        time.Time // when the next probe is sent

	conn     *connection // nil while there is none
	arrivals chan arrival
	readers  sync.WaitGroup
	outage   outage
	icmp     arrival // the last transient error of a socket for datagrams
	reported string  // the address of the last socket for datagrams that OnConn got
}

func newRun(c Config) *run {
	r := &run{
		Config: c, oneAtATime: c.Reconnect || c.Target.Network != "udp",
		payloads: newPayloads(c.Size), due: time.Now(), arrivals: make(chan arrival, 64),
	}
	if r.datagrams() {
		r.flights.remember = maxRemembered
	}
	return r
}

func (r *run) datagrams() bool { return r.Target.Network == "udp" }

// more reports whether there are probes to send.
func (r *run) more() bool { return r.Count == 0 || r.flights.last < uint64(r.Count) }

func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		// Answers that have arrived come first, so that no answered probe expires.
		r.receiveAll()
		r.expire(time.Now())
		if !r.more() && r.flights.inFlight == 0 {
			return
		}
		now := time.Now()
		if r.more() && !now.Before(r.due) && !(r.oneAtATime && r.flights.inFlight > 0) {
			r.send(ctx, now)
			continue
		}
		timer.Reset(time.Until(r.next()))
		select {
		case a := <-r.arrivals:
			r.receive(a)
		case <-timer.C:
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
		default:
			return
		}
	}
}

// next returns when the next probe is due or the first one in flight expires.
func (r *run) next() time.Time {
	first := r.flights.first()
	switch {
	case first == nil:
		return r.due
	case r.oneAtATime || !r.more() || first.sent.Add(r.Timeout).Before(r.due):
		return first.sent.Add(r.Timeout)
	}
	return r.due
}

// send sends a probe. Without a connection it makes one first.
func (r *run) send(ctx context.Context, now time.Time) {
	missed := now.Sub(r.due) / r.Interval
	r.due = r.due.Add((missed + 1) * r.Interval) // the next time on the schedule
	if r.conn == nil {
		if err := r.connect(ctx, now); err != nil {
			if ctx.Err() == nil {
				f := &flight{fate: Lost}
				r.flights.add(f)
				r.report(Probe{Fate: Lost, Seq: f.seq, At: time.Now(), Class: classify(err), Err: err, Phases: r.outage.phases})
			}
			return
		}
	}
	c := r.conn
	f := &flight{stamp: time.Now().UnixNano(), phases: c.phases}
	r.flights.add(f)
	if !r.datagrams() {
		c.stream.owed = append(c.stream.owed, f)
	}
	// A write may block, so the end of ctx closes the connection.
	stop := context.AfterFunc(ctx, func() { c.Close() })
	err := r.write(c, f)
	if stop(); err == nil || ctx.Err() != nil {
		return
	}
	if !r.datagrams() {
		r.disconnect(err) // part of the probe may have been sent
		return
	}
	at := time.Now()
	if transient(err) {
		r.icmp = arrival{at: at, err: err}
	}
	r.lose(f, at, err)
}

// write writes f's bytes. Its round trip starts just before.
func (r *run) write(c *connection, f *flight) error {
	bytes := r.payloads.probe(f.seq, f.stamp)
	f.sent = time.Now()
	c.SetWriteDeadline(f.sent.Add(r.Timeout))
	c.writes.Add(1)
	_, err := c.Write(bytes)
	if err != nil && r.datagrams() && transient(err) {
		// The error was about an earlier datagram, and this one was not sent.
		f.sent = time.Now()
		c.writes.Add(1)
		_, err = c.Write(bytes)
	}
	return err
}

// maxOwed is how many lost answers a stream may owe. With more, it is closed: a path
// that has forgotten the connection never reports an error.
const maxOwed = 8

// expire loses the probes that have been in flight for r.Timeout.
func (r *run) expire(now time.Time) {
	for f := r.flights.first(); f != nil && now.Sub(f.sent) >= r.Timeout; f = r.flights.first() {
		err := error(&noAnswerError{r.Timeout})
		if r.icmp.at.After(f.sent) {
			err = r.icmp.err
		}
		r.lose(f, now, err)
	}
	if r.conn != nil && !r.datagrams() && len(r.conn.stream.owed)-r.flights.inFlight > maxOwed {
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
	r.flights.finish(f, Lost)
	r.report(Probe{Fate: Lost, Seq: f.seq, Sent: f.sent, At: at, Phases: r.phases(f), Class: classify(err), Err: err})
	if r.Reconnect || r.tryOtherAddress(err) {
		r.closeConn(true)
	}
}

// tryOtherAddress reports whether the next datagram should go to another address of the
// name: this one refused, and nothing has been sent since. Other probes may be in
// flight: one error may be about several, and then there always are some.
func (r *run) tryOtherAddress(err error) bool {
	return r.datagrams() && transient(err) && r.Target.HasName() && !r.flights.find(r.flights.last).sent.After(r.icmp.at)
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
