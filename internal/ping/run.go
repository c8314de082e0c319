package ping

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// run is one Run of a Prober.
type run struct {
	Config
	oneByOne bool // a probe waits until the one before is answered or lost
	known    *session
	book     book
	due      time.Time // when the next probe leaves

	link     *link // nil while there is none
	arrivals chan arrival
	readers  sync.WaitGroup
	outage   outage
	icmp     arrival // the last error of a socket for datagrams that passed
	told     string  // the address of the last socket for datagrams that OnLink was told of
}

func newRun(c Config) *run {
	r := &run{
		Config: c, oneByOne: c.Reconnect || c.Target.Network != "udp",
		known: newSession(c.Size), due: time.Now(), arrivals: make(chan arrival, 64),
	}
	if r.datagrams() {
		r.book.memory = memory
	}
	return r
}

func (r *run) datagrams() bool { return r.Target.Network == "udp" }

// send lets one probe leave, for which there has to be a connection.
func (r *run) send(ctx context.Context, now time.Time) {
	r.schedule(now)
	if r.link == nil {
		if err := r.connect(ctx, now); err != nil {
			if ctx.Err() == nil {
				r.neverSent(err)
			}
			return
		}
	}
	l := r.link
	f := &flight{stamp: time.Now().UnixNano(), phases: l.phases}
	r.book.add(f)
	if !r.datagrams() {
		l.stream.owed = append(l.stream.owed, f)
	}
	// The end of ctx closes the connection, for a write may block.
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	err := r.write(l, f)
	if stop(); err != nil && ctx.Err() == nil {
		r.unwritten(f, err)
	}
}

// write sends f's bytes. Its time counts from just before.
func (r *run) write(l *link, f *flight) error {
	bytes := r.known.probe(f.seq, f.stamp)
	f.sent = time.Now()
	l.conn.SetWriteDeadline(f.sent.Add(r.Wait))
	l.writes.Add(1)
	_, err := l.conn.Write(bytes)
	if err != nil && r.datagrams() && passing(err) {
		// That was about an earlier one, and this one has not left.
		f.sent = time.Now()
		l.writes.Add(1)
		_, err = l.conn.Write(bytes)
	}
	return err
}

// unwritten is the end of a probe that could not leave whole, and of a stream,
// which is then out of step.
func (r *run) unwritten(f *flight, err error) {
	if !r.datagrams() {
		r.broken(err)
		return
	}
	now := time.Now()
	if passing(err) {
		r.icmp = arrival{at: now, err: err}
	}
	r.lose(f, now, err)
}

// neverSent tells of a probe for which there was no connection.
func (r *run) neverSent(err error) {
	f := &flight{fate: Lost}
	r.book.add(f)
	r.tell(Probe{Fate: Lost, Seq: f.seq, At: time.Now(), Class: classify(err), Err: err, Phases: r.outage.phases})
}

// expire gives up what has been under way for too long.
func (r *run) expire(now time.Time) {
	for f := r.book.waiting(); f != nil && now.Sub(f.sent) >= r.Wait; f = r.book.waiting() {
		err := error(&noAnswerError{r.Wait})
		if r.icmp.at.After(f.sent) {
			err = r.icmp.err
		}
		r.lose(f, now, err)
	}
	if r.link != nil && !r.datagrams() && len(r.link.stream.owed)-r.book.pending > maxOwed {
		r.broken(&noAnswerError{r.Wait})
	}
}

// maxOwed is how many lost answers a stream may owe. After that it is given up: a
// path that forgot it would never tell.
const maxOwed = 8

// noAnswerError is what was due and did not come.
type noAnswerError struct{ wait time.Duration }

func (e *noAnswerError) Error() string { return fmt.Sprintf("no answer within %v", e.wait) }

// Timeout makes it one for dial.Classify.
func (e *noAnswerError) Timeout() bool { return true }

// Temporary is what net.Error asks for besides.
func (e *noAnswerError) Temporary() bool { return true }

// lose gives up f.
func (r *run) lose(f *flight, at time.Time, err error) {
	r.book.settle(f, Lost)
	r.tell(Probe{Fate: Lost, Seq: f.seq, Sent: f.sent, At: at, Phases: r.phases(f), Class: classify(err), Err: err})
	if r.Reconnect || r.elsewhere(err) {
		r.hangUp(true)
	}
}

// elsewhere reports whether the next datagram may find another address of the
// name: this one refused, and nothing has left since. That others are under way does
// not matter: one error may be about several, and then there are always some.
func (r *run) elsewhere(err error) bool {
	return r.datagrams() && passing(err) && r.Target.Named() && !r.book.find(r.book.next).sent.After(r.icmp.at)
}

// phases are what is told of f's.
func (r *run) phases(f *flight) Phases {
	if !r.Reconnect {
		return Phases{}
	}
	return f.phases
}

func (r *run) tell(p Probe) {
	if r.OnProbe != nil {
		r.OnProbe(p)
	}
}

// end leaves nothing behind.
func (r *run) end() {
	r.hangUp(r.book.pending > 0)
	r.readers.Wait()
}
