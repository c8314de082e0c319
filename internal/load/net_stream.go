package load

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"echod/internal/dial"
)

// work keeps a connection in the slot, one after the other if they fail.
func (s *netSlot) work(ctx context.Context) {
	release := context.AfterFunc(ctx, func() { s.end("") })
	defer release()
	patience := backoff{}
	for life := 0; ctx.Err() == nil; life++ {
		conn := s.first
		if s.first = nil; conn == nil {
			if s.Churn && !s.awaitMessage(ctx) {
				return
			}
			var err error
			begun := s.now()
			if conn, err = s.dial(ctx); err != nil {
				s.dropped(ctx, dial.Classify(err))
				pause(ctx, patience.next())
				continue
			}
			s.begin(conn, life, begun)
		}
		patience = backoff{} // there is somebody
		if class := s.live(ctx, conn); class != "" && ctx.Err() == nil {
			s.fail(class)
			pause(ctx, patience.next())
		}
	}
}

// dropped counts a connection that was not made, and the message of churn that
// it was made for.
func (s *netSlot) dropped(ctx context.Context, class dial.Class) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	s.class = class
	m, ok := s.waiting.take()
	s.mu.Unlock()
	if ok {
		s.tally.missed(m.due, s.now(), class)
	} else {
		s.tally.broke(s.now(), class)
	}
}

// fail counts the messages that a connection has taken with it; itself, if there
// were none.
func (s *netSlot) fail(class dial.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.gone(s.now(), class, &s.flow.pending)
}

// live is the life of one connection. It returns why it ended, "" if that was in
// order.
func (s *netSlot) live(ctx context.Context, conn net.Conn) dial.Class {
	if ctx.Err() != nil {
		s.end("") // the end may have come before there was a connection to end
	}
	if s.Target.Network == "udp" {
		s.exchange(ctx, conn)
		s.end("")
		s.tally.closed()
		return ""
	}
	var sending sync.WaitGroup
	sending.Go(func() { s.send(conn) })
	class := s.receive(conn)
	s.end(class)
	sending.Wait()
	s.tally.closed()
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.class, class) // why it was ended is why it failed
}

// begin makes conn the slot's, and asks for its first messages. A message of
// churn that is on no schedule left when its connection was begun.
func (s *netSlot) begin(conn net.Conn, life int, begun int64) {
	s.mu.Lock()
	s.conn, s.ended, s.class = conn, false, ""
	s.flow = flow{content: s.content, verify: s.Verify, conn: s.id, start: beginning(s.Seed, s.id, life)}
	s.packets = datagramFlow{content: s.content, verify: s.Verify, run: s.run, conn: s.id}
	due := begun
	if m, ok := s.waiting.take(); ok {
		due = m.due
	}
	s.mu.Unlock()
	switch {
	case s.Churn:
		s.ask(due)
	case s.Rate == 0:
		for range s.Depth {
			s.ask(s.now())
		}
	}
}

// push is a message that is due in an open loop.
func (s *netSlot) push(due int64) {
	s.mu.Lock()
	if s.Churn {
		s.waiting.push(message{due: due})
		s.more.Broadcast()
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.ask(due)
}

// ask has one more message sent.
func (s *netSlot) ask(due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.conn == nil || s.ended {
		if s.Rate > 0 {
			s.tally.missed(due, now, cmp.Or(s.class, dial.Unreachable))
		}
		return
	}
	size := s.Sizes.pick(s.random)
	s.tally.left(due, now, size)
	if s.out != nil {
		if _, err := s.conn.Write(s.packets.push(s.out, due, now, size)); err != nil {
			s.tally.broke(now, dial.Classify(err))
		}
		return
	}
	s.flow.push(due, size)
	s.more.Broadcast()
}

// awaitMessage waits for one that churn has to send; a closed loop always has.
func (s *netSlot) awaitMessage(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = false
	for s.Rate > 0 && s.waiting.len() == 0 && ctx.Err() == nil {
		s.more.Wait()
	}
	return ctx.Err() == nil
}

// send writes what is asked for until the connection ends. After the message of
// churn comes a FIN.
func (s *netSlot) send(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for !s.flow.unsent() && !s.ended {
			s.more.Wait()
		}
		if s.ended {
			return
		}
		piece := s.flow.next()
		s.flow.wrote(len(piece)) // before it is: the answer may be here first
		last := s.Churn && !s.flow.unsent()
		s.mu.Unlock()
		_, err := conn.Write(piece)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && last && err == nil {
			err = half.CloseWrite()
		}
		s.mu.Lock()
		if err != nil {
			return // the reader is told why
		}
	}
}

// receive reads until the connection ends, and says why it did; "" if that was
// the end that churn waits for.
func (s *netSlot) receive(conn net.Conn) dial.Class {
	buf := make([]byte, min(window, max(4<<10, s.Sizes.Max())))
	for {
		n, err := conn.Read(buf)
		if n > 0 && !s.take(buf[:n]) {
			return ""
		}
		if err == nil {
			continue
		}
		if s.Churn && errors.Is(err, io.EOF) && s.whole() {
			return ""
		}
		return s.why(err)
	}
}

// why is the class of what ended a stream, never "". What TLS has to say after
// its handshake, as of a client's certificate, is about the handshake still.
func (s *netSlot) why(err error) dial.Class {
	unknown := dial.Local
	if s.Target.Network == "tls" {
		unknown = dial.TLS
	}
	return cmp.Or(dial.Classify(err), unknown)
}

// take has the flow look at what came. It returns false if that was wrong.
func (s *netSlot) take(p []byte) bool {
	s.mu.Lock()
	now := s.now()
	wrong := s.flow.received(p)
	asked := 0
	for wrong == nil && !s.Churn {
		m, ok := s.flow.answered()
		if !ok {
			break
		}
		s.tally.answered(m.due, now, m.size)
		asked++
	}
	s.mu.Unlock()
	if wrong != nil {
		s.tally.wrong(wrong)
		return false
	}
	for ; asked > 0 && s.Rate == 0; asked-- {
		s.ask(now)
	}
	return true
}

// whole counts the message of churn that is back, when the stream has ended.
func (s *netSlot) whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.flow.answered()
	if ok {
		s.tally.answered(m.due, s.now(), m.size)
	}
	return ok
}

// expire ends the connection if it has waited for an answer since then, and
// gives up datagrams.
func (s *netSlot) expire(then int64) {
	s.mu.Lock()
	m, waits := s.flow.pending.front()
	lost := 0
	for {
		due, ok := s.packets.expire(then)
		if !ok {
			break
		}
		s.tally.lost(due, s.now())
		lost++
	}
	s.mu.Unlock()
	if waits && m.due < then {
		s.end(dial.Timeout)
	}
	for ; lost > 0 && s.Rate == 0; lost-- {
		s.ask(s.now())
	}
}

// end ends the connection, and tells its goroutines.
func (s *netSlot) end(class dial.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && !s.ended {
		s.class = class
		s.conn.Close()
	}
	s.ended = true
	s.more.Broadcast()
}

// exchange receives datagrams until the socket is closed. Any other error is
// about one that left; more errors than datagrams left are the socket's own, which
// may report the same again at once, and are followed by a pause.
func (s *netSlot) exchange(ctx context.Context, conn net.Conn) {
	buf := make([]byte, 64<<10)
	failed, retry := uint64(0), backoff{}
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.tally.broke(s.now(), dial.Classify(err))
			if failed++; failed > s.left() {
				pause(ctx, retry.next())
			}
			continue
		}
		retry = backoff{}
		s.mu.Lock()
		now := s.now()
		a := s.packets.received(buf[:n])
		s.mu.Unlock()
		s.tally.arrived(now, a)
		if a.fresh && s.Rate == 0 {
			s.ask(now)
		}
		if a.wrong != nil {
			return
		}
	}
}

// left returns how many datagrams have left.
func (s *netSlot) left() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets.sent()
}

// backoff is how long to wait before the next try.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, 10*time.Millisecond), time.Second)
	return b.last
}
