package check

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// datagramSet is the sockets of one rule. Each sends datagrams of one size and receives
// the answers to them, so that no answer is mistaken for that to another size. Its
// methods are for one goroutine. Others read from the sockets, so that the time at which
// an answer arrives is known.
type datagramSet struct {
	p        *probe
	open     func() (packetSocket, error)
	probes   []*datagramProbe
	arrivals chan arrival
	closed   chan struct{}

	first, last       time.Time     // when the first and the last datagram was sent
	shortest, longest time.Duration // round trips; 0 if nothing came back
}

// arrival is a datagram that a socket has received, or the error of the socket.
type arrival struct {
	probe *datagramProbe
	data  []byte
	from  netip.AddrPort
	at    time.Time
	err   error
}

// datagramProbe is one socket of a datagramSet. It compares every answer and its source.
type datagramProbe struct {
	set    *datagramSet
	number int // selects the payload
	size   int
	socket packetSocket
	sent   []sentDatagram
	back   int   // how many of sent came back unchanged
	late   int   // how many of these came after more than the timeout
	err    error // a *failure if an answer was wrong, or the error of the socket

	shortest time.Duration // round trip; 0 if nothing came back
}

type sentDatagram struct {
	data []byte
	at   time.Time
	back bool
}

func newDatagramSet(p *probe, open func() (packetSocket, error)) *datagramSet {
	return &datagramSet{p: p, open: open, arrivals: make(chan arrival), closed: make(chan struct{})}
}

// openDatagrams opens a socket for each size. The caller closes the set.
func openDatagrams(p *probe, sizes ...int) (*datagramSet, error) {
	open, err := packetOpener(p)
	if err != nil {
		return nil, err
	}
	s := newDatagramSet(p, open)
	for _, size := range sizes {
		if _, err := s.add(size); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// add opens one more socket.
func (s *datagramSet) add(size int) (*datagramProbe, error) {
	socket, err := s.open()
	if err != nil {
		return nil, err
	}
	return s.addSocket(socket, size), nil
}

func (s *datagramSet) addSocket(socket packetSocket, size int) *datagramProbe {
	d := &datagramProbe{set: s, number: len(s.probes), size: size, socket: socket}
	s.probes = append(s.probes, d)
	go d.read()
	return d
}

// read passes on what arrives, until the socket or the set is closed.
func (d *datagramProbe) read() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := d.socket.receive(buf)
		select {
		case d.set.arrivals <- arrival{d, bytes.Clone(buf[:n]), from, time.Now(), err}:
		case <-d.set.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

// Close ends the use of the set. While answers are on their way, the sockets stay open:
// a new socket could get the port of a closed one, and then the answers to it.
func (s *datagramSet) Close() {
	close(s.closed)
	closeAll := func() {
		for _, d := range s.probes {
			d.socket.Close()
		}
	}
	if s.longest == 0 || !slices.ContainsFunc(s.probes, (*datagramProbe).missing) {
		closeAll()
		return
	}
	time.AfterFunc(time.Until(s.expected(s.first, s.last)), closeAll)
}

// next returns what arrives next. It returns false if nothing arrives until deadline, or
// if the check is interrupted. What has arrived already is returned after deadline, too.
func (s *datagramSet) next(deadline time.Time) (arrival, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case a := <-s.arrivals:
		return a, true
	case <-s.p.ctx.Done():
		return arrival{}, false
	case <-timer.C:
	}
	select {
	case a := <-s.arrivals:
		return a, true
	default:
		return arrival{}, false
	}
}

// send sends one more datagram, unless there was an error. Datagrams have different
// bytes: a server may ignore a source that repeats itself.
func (d *datagramProbe) send() {
	if d.err != nil {
		return
	}
	d.sendData(nextBytes(d.set.p.payload(d.number<<16|len(d.sent)), d.size))
}

func (d *datagramProbe) sendData(data []byte) {
	now := time.Now() // before the answer can arrive
	if err := d.socket.send(data); err != nil {
		d.err = fmt.Errorf("send: %w", err)
		return
	}
	d.sent = append(d.sent, sentDatagram{data: data, at: now})
	if d.set.last = now; d.set.first.IsZero() {
		d.set.first = now
	}
}

// receive receives answers to any socket until all datagrams of probes are back, but not
// after deadline. Answers to datagrams that were sent before the last one count too.
func (s *datagramSet) receive(deadline time.Time, probes ...*datagramProbe) {
	s.receiveUntil(func() time.Time { return deadline }, probes)
}

// await receives what is on its way to probes.
func (s *datagramSet) await(probes ...*datagramProbe) {
	s.receiveUntil(func() time.Time { return s.expected(s.first, s.last) }, probes)
}

func (s *datagramSet) receiveUntil(deadline func() time.Time, probes []*datagramProbe) {
	for slices.ContainsFunc(probes, (*datagramProbe).missing) {
		a, ok := s.next(deadline())
		switch {
		case !ok:
			return
		case a.err == nil:
			a.probe.add(a)
		case a.probe.err == nil:
			a.probe.err = fmt.Errorf("receive: %w", a.err)
		}
	}
}

// addRoundTrip takes the time of one more round trip into account.
func (s *datagramSet) addRoundTrip(took time.Duration) {
	if s.longest == 0 || took < s.shortest {
		s.shortest = took
	}
	s.longest = max(s.longest, took)
}

// expected returns until when answers are expected to datagrams that were sent from first
// to last: as long after last as the longest round trip, and a margin, as much as the
// round trips differ and a part of the timeout. If nothing has come back it is the timeout
// after first. It changes with each round trip.
func (s *datagramSet) expected(first, last time.Time) time.Time {
	timeout := s.p.Timeout
	soon, until := last.Add(timeout/attempts), first.Add(timeout)
	if s.longest > 0 {
		until = last.Add(min(timeout, 2*s.longest-s.shortest+timeout/10))
	}
	if until.Before(soon) {
		return soon
	}
	return until
}

// add compares an answer with the datagrams that were sent. A second answer to one of
// them is ignored.
func (d *datagramProbe) add(a arrival) {
	if d.err != nil || len(d.sent) == 0 {
		return
	}
	sent := d.request(a.data)
	if isForeign(d.socket, a.data, a.from, sent.data) {
		return
	}
	if f := checkAnswer(d.socket, a.data, a.from, sent.data); f != nil {
		d.locate(f, a.data)
		d.err = f
		return
	}
	if sent.back {
		return
	}
	sent.back = true
	d.back++
	took := a.at.Sub(sent.at)
	if took > d.set.p.Timeout {
		d.late++
	}
	if d.back == 1 || took < d.shortest {
		d.shortest = took
	}
	d.set.addRoundTrip(took)
}

// request returns the datagram that got answers: an equal one, if possible one that is
// not back yet. If there is none, got is wrong, and request returns the one that starts
// alike, or the last one.
func (d *datagramProbe) request(got []byte) *sentDatagram {
	equal := func(s sentDatagram) bool { return bytes.Equal(s.data, got) }
	match := slices.IndexFunc(d.sent, func(s sentDatagram) bool { return equal(s) && !s.back })
	if match < 0 {
		match = slices.IndexFunc(d.sent, equal)
	}
	if match < 0 {
		match = d.indexOfStart(got)
	}
	if match < 0 {
		match = len(d.sent) - 1
	}
	return &d.sent[match]
}

// indexOfStart returns the index of the datagram that starts as got does; -1 if there is
// none.
func (d *datagramProbe) indexOfStart(got []byte) int {
	return slices.IndexFunc(d.sent, func(s sentDatagram) bool {
		return len(got) >= shiftLen && bytes.HasPrefix(s.data, got[:shiftLen])
	})
}

// locate adds to f, the failure of the answer got, what else is known: that it belongs to
// another socket, or that earlier answers had the right source.
func (d *datagramProbe) locate(f *failure, got []byte) {
	if f.class == WrongSource {
		if d.back > 0 {
			f.evidence = SourceChanged
			f.detail += fmt.Sprintf("; %s before it came from the right address", count(d.back, "answer", "answers"))
		}
		return
	}
	if d.indexOfStart(got) >= 0 {
		return
	}
	for _, other := range d.set.probes {
		if i := other.indexOfStart(got); other != d && i >= 0 {
			f.class, f.offset, f.evidence = Corrupt, 0, OtherConnection
			f.detail = fmt.Sprintf("what came back is not the datagram that was sent: another socket sent it, to which it belongs (%s)", sizeName(other.size))
			return
		}
	}
}

// missing reports whether an answer is due.
func (d *datagramProbe) missing() bool { return d.err == nil && d.back < len(d.sent) }

func (d *datagramProbe) tally() lossTally {
	return lossTally{sent: len(d.sent), lost: len(d.sent) - d.back}
}
