package client

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// messageSize is the size of the message of one step. The owed bytes of a stream are always
// much less than a socket buffer, so that sending never blocks.
const messageSize = 4 << 10

// stream is a client of an echo server.
type stream struct {
	conn     halfCloser
	key      uint32
	sent     int64
	received int64
	finished bool
	last     Outcome // if it is Over
}

// Dial connects to an echo on "tcp" or "unix".
func Dial(network, address string, wait time.Duration) (Session, error) {
	conn, err := net.DialTimeout(network, address, wait)
	if err != nil {
		return nil, err
	}
	return newStream(conn.(halfCloser)), nil
}

// DialTLS connects to an echo on TLS. It does not verify the certificate.
func DialTLS(address string, wait time.Duration) (Session, error) {
	dialer := net.Dialer{Timeout: wait}
	conn, err := tls.DialWithDialer(&dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return newStream(conn), nil
}

func newStream(conn halfCloser) *stream { return &stream{conn: conn, key: rand.Uint32()} }

func (s *stream) Close() { s.conn.Close() }

func (s *stream) Step(wait time.Duration) Outcome {
	if s.last.Over() {
		return s.last
	}
	if !s.finished && s.sent == s.received {
		message := make([]byte, messageSize)
		fill(message, s.key, s.sent)
		s.conn.SetWriteDeadline(time.Now().Add(wait))
		n, err := s.conn.Write(message)
		s.sent += int64(n)
		if err != nil {
			return s.end(of(err))
		}
	}
	return s.readTo(s.sent, wait)
}

// readTo reads until offset.
func (s *stream) readTo(offset int64, wait time.Duration) Outcome {
	buf := make([]byte, 16<<10)
	s.conn.SetReadDeadline(time.Now().Add(wait))
	for s.received < offset {
		n, err := s.conn.Read(buf)
		if s.received+int64(n) > s.sent {
			return s.end(Outcome{Wrong, fmt.Sprintf("%d bytes received, %d sent", s.received+int64(n), s.sent)})
		}
		if outcome := compare(buf[:n], s.key, s.received); outcome.Over() {
			return s.end(outcome)
		}
		s.received += int64(n)
		if err != nil && s.received < offset {
			return s.end(of(err))
		}
	}
	return Outcome{}
}

func (s *stream) Finish(wait time.Duration) Outcome {
	if s.last.Over() {
		return s.last
	}
	if !s.finished {
		s.finished = true
		if err := s.conn.CloseWrite(); err != nil {
			return s.end(of(err))
		}
	}
	if outcome := s.readTo(s.sent, wait); outcome.Result != Done {
		return outcome
	}
	s.conn.SetReadDeadline(time.Now().Add(wait))
	n, err := s.conn.Read(make([]byte, 1))
	switch outcome := of(err); {
	case n > 0:
		return s.end(Outcome{Wrong, "a byte after the last one"})
	case outcome.Result == Early:
		return Outcome{} // everything was received: the end is honest
	default:
		return s.end(outcome)
	}
}

// end records the outcome if the conversation has ended.
func (s *stream) end(o Outcome) Outcome {
	if o.Over() {
		o.Text += fmt.Sprintf(" (%d of %d bytes)", s.received, s.sent)
		s.last = o
	}
	return o
}
