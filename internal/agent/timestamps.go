package agent

import (
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"time"

	"echod/internal/clock"
)

// stampSession is the state of one run of the scenario timestamps. The goroutine of the UDP
// socket uses it.
type stampSession struct {
	handling sync.Mutex // held while a datagram is handled

	run    *run
	client netip.AddrPort // of the connection
	clock  *clock.Clock
	window window
	counts DatagramCounts
	count  uint64 // datagrams sent back

	stopped chan error // has at most one element
}

// timestamps answers the datagrams with the key of the run until the connection ends. Each
// number is answered once, with as many bytes: a datagram that is recorded and sent again is
// not answered.
func (r *run) timestamps() error {
	defer r.session.finish()
	_, err := r.in.Read(make([]byte, 1)) // the client sends nothing but a FIN
	if r.truncated(err) {
		err = errTruncated
	}
	select {
	case err = <-r.session.stopped:
	default:
	}
	if refusal, ok := err.(*Refusal); ok {
		r.setEnd(Error, refusal)
		r.conn.SetWriteDeadline(time.Now().Add(lineTimeout))
		_, err = r.conn.Write(refusalLine(refusal))
		return err
	}
	if err == nil {
		err = errBytes
	}
	r.setEnd(endOf(err), err)
	if endOf(err) == FIN {
		err = nil
	}
	return err
}

// receive handles a datagram with the key of the run, and answers it if it is new.
func (s *stampSession) receive(d keyDatagram, received int64, send func(keyDatagram, []byte) (int, error)) {
	s.handling.Lock()
	defer s.handling.Unlock()
	_, stamp, err := parseStamp(d.text, fromClient)
	if err != nil {
		return
	}
	if refusal := checkSource(d.from, s.client); refusal != nil {
		s.stop(refusal)
		return
	}
	size, sent := len(d.text), 0
	if s.window.add(stamp.seq, &s.counts) {
		s.count++
		stamp.received, stamp.count = received, s.count
		at, stepped := s.clock.Now()
		stamp.answered, stamp.stepped = at, int64(stepped)
		stamp.put(d.text, fromAgent)
		sent, _ = send(d, d.text) // an answer that cannot be sent is lost
	}
	if s.run.countDatagram(size, sent, s.counts) > s.run.maxBytes {
		s.stop(errBytes)
	}
}

// finish makes the key invalid. It waits for the datagram that is handled now, so that the report
// has it.
func (s *stampSession) finish() {
	s.handling.Lock()
	defer s.handling.Unlock()
	s.run.keys.remove(s.run.key)
}

// stop ends the run. It does not block.
func (s *stampSession) stop(err error) {
	select {
	case s.stopped <- err:
		s.run.conn.SetReadDeadline(time.Unix(1, 0))
	default:
	}
}

// countDatagram counts a datagram of a session. It returns the number of bytes received so
// far.
func (r *run) countDatagram(received, sent int, counts DatagramCounts) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Received += int64(received)
	r.report.Sent += int64(sent)
	r.report.Datagrams = counts
	return r.report.Received
}

// expectMany makes the key of the run, and its session receives every datagram with it.
func (r *run) expectMany() { r.key, r.session = r.keys.newSession(r) }

// newSession makes a key that is valid for many datagrams, until it is removed.
func (k *keyReceiver) newSession(r *run) (key string, s *stampSession) {
	s = &stampSession{run: r, clock: k.clock, client: r.conn.RemoteAddr().(*net.TCPAddr).AddrPort(), stopped: make(chan error, 1)}
	key = rand.Text()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sessions[key] = s
	return key, s
}

// session returns the session of a datagram, nil if it has none.
func (k *keyReceiver) session(text []byte) *stampSession {
	if len(text) < keySize {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sessions[string(text[:keySize])]
}
