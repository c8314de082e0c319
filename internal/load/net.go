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

// netDriver is the driver on package net, for every network and platform. A connection has two
// goroutines: the worker does what its slot asks for, the other one reads. Only these two make
// calls that can block, and not with the lock: the schedule and the timeouts of all slots are
// kept by goroutines that take each lock in turn.
type netDriver struct {
	*run
	slots []*netSlot
}

// netSlot is a slot and its connection.
type netSlot struct {
	mu      sync.Mutex // guards all below
	changed *sync.Cond // something has happened to the slot
	slot
	conn    net.Conn // nil: none
	writing bool     // the worker is in a write
	writes  dial.Writes
	out     []byte // the buffer for datagrams to send
}

func newNetDriver(r *run) (driver, error) {
	d := &netDriver{run: r}
	for id := range r.Conns {
		s := &netSlot{slot: newSlot(r, id)}
		s.changed = sync.NewCond(&s.mu)
		if r.udp() {
			s.out = make([]byte, r.Sizes.Max())
		}
		d.slots = append(d.slots, s)
	}
	return d, nil
}

func (d *netDriver) open(ctx context.Context) error {
	if d.Churn {
		return nil // its connections are part of the load
	}
	var opening sync.WaitGroup
	places := make(chan struct{}, maxConnecting)
	begun := d.now()
	for i, s := range d.slots {
		if !pause(ctx, time.Duration(d.connectAt(begun, i)-d.now())) {
			break
		}
		places <- struct{}{}
		opening.Go(func() {
			s.mu.Lock()
			s.connect(ctx)
			s.mu.Unlock()
			<-places
		})
	}
	opening.Wait()
	return nil
}

func (d *netDriver) drive(ctx context.Context) error {
	var working sync.WaitGroup
	for _, s := range d.slots {
		s.mu.Lock()
		s.start(d.now()) // before the first message of the schedule
		s.mu.Unlock()
		working.Go(func() { s.work(ctx) })
	}
	working.Go(func() {
		for pause(ctx, min(d.Timeout/4+time.Millisecond, 100*time.Millisecond)) {
			for _, s := range d.slots {
				s.mu.Lock()
				s.expire(d.now())
				s.unlock()
			}
		}
	})
	if !d.Rate.IsZero() {
		working.Go(func() { d.keepSchedule(ctx) })
	}
	working.Wait()
	return nil
}

func (d *netDriver) keepSchedule(ctx context.Context) {
	for ctx.Err() == nil {
		now := d.now()
		i, due, ok := d.nextScheduled(now)
		if !ok {
			pause(ctx, time.Duration(d.schedule.due()-now))
			continue
		}
		s := d.slots[i]
		s.mu.Lock()
		s.scheduled(due, now)
		s.unlock()
	}
}

func (d *netDriver) close() {
	for _, s := range d.slots {
		if s.conn != nil {
			s.conn.Close()
		}
	}
}

// unlock is called after something has happened to the slot. It wakes the worker. To close the
// transport ends a write in which the worker may be; unlike Close of TLS, that does not wait.
func (s *netSlot) unlock() {
	if s.state == closing && s.writing {
		dial.Transport(s.conn).Close()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
}

// work does what the slot asks for until ctx ends.
func (s *netSlot) work(ctx context.Context) {
	var reading sync.WaitGroup
	context.AfterFunc(ctx, s.end)
	s.mu.Lock()
	defer s.mu.Unlock()
	if conn := s.conn; conn != nil {
		reading.Go(func() { s.read(conn) })
	}
	for ctx.Err() == nil {
		switch s.next(s.now()) {
		case connect:
			s.connect(ctx)
			if conn := s.conn; conn != nil {
				reading.Go(func() { s.read(conn) })
			}
		case disconnect:
			s.disconnect(&reading)
		case send:
			piece := s.stream.next()
			s.stream.wrote(len(piece)) // before the write: the answer may come before it returns
			s.write(func(conn net.Conn) error { _, err := conn.Write(piece); return err })
		case halfClose:
			s.halfClosed = true
			s.write(func(conn net.Conn) error {
				if half, ok := conn.(interface{ CloseWrite() error }); ok {
					return half.CloseWrite()
				}
				return nil
			})
		case sendDatagram:
			s.sendDatagram()
		case wait:
			if pause := s.retryAt - s.now(); s.state == closed && pause > 0 {
				timer := time.AfterFunc(time.Duration(pause), func() { s.mu.Lock(); s.unlock() })
				s.changed.Wait()
				timer.Stop()
				continue
			}
			s.changed.Wait()
		}
	}
	s.stop(s.now(), dial.Timeout) // again, for a connection that was made after end
	s.disconnect(&reading)
}

// end stops the slot at the end of the run. It wakes the worker, and ends its write.
func (s *netSlot) end() {
	s.mu.Lock()
	s.stop(s.now(), dial.Timeout)
	s.unlock()
}

// disconnect closes the connection, if there is one, and waits for its reader. It does not hold
// the lock meanwhile: a Close of TLS takes up to 5 s if the peer does not read. A connection that
// failed is closed at once, below TLS.
func (s *netSlot) disconnect(reading *sync.WaitGroup) {
	if conn, failed := s.conn, s.class != "" && !s.stopped; conn != nil {
		if failed {
			conn = dial.Transport(conn)
		}
		s.mu.Unlock()
		conn.Close()
		reading.Wait()
		s.mu.Lock()
		s.conn = nil
	}
	s.disconnected()
}

// connect makes a connection. It does not hold the lock while it waits.
func (s *netSlot) connect(ctx context.Context) {
	s.connecting(s.now())
	s.mu.Unlock()
	conn, err := s.dial(ctx)
	s.mu.Lock()
	switch {
	case ctx.Err() != nil: // the run is over
		if err == nil {
			dial.Transport(conn).Close()
		}
	case err != nil:
		s.connectFailed(s.now(), dial.Classify(err))
	default:
		s.conn, s.writes = conn, dial.Writes{}
		s.connected(s.now())
	}
}

func (s *netSlot) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	target := s.Target
	if target.Network != "unix" {
		target = target.At(s.peerOf(s.id).String())
	}
	if n := len(s.Sources); n > 0 {
		target.Source = s.Sources[s.id%n]
	}
	return target.Dial(ctx)
}

// unlocked calls do without holding the lock.
func (s *netSlot) unlocked(do func(net.Conn) error) error {
	conn := s.conn
	s.writing = true
	s.mu.Unlock()
	err := do(conn)
	s.mu.Lock()
	s.writing = false
	return err
}

// write calls do without holding the lock. If do fails, the reader will get the reason, so
// write waits for that.
func (s *netSlot) write(do func(net.Conn) error) {
	err := s.unlocked(func(conn net.Conn) error {
		return s.writes.Do(func() error { return do(conn) })
	})
	for err != nil && s.state == open {
		s.changed.Wait()
	}
}

// sendDatagram sends a datagram, which waits while the send buffer is full.
func (s *netSlot) sendDatagram() {
	now := s.now()
	p := s.nextDatagram(now, s.out)
	switch err := s.unlocked(func(conn net.Conn) error { _, err := conn.Write(p); return err }); {
	case err == nil:
		s.sentDatagrams(1)
	case s.state != open: // the socket is replaced
		s.sendAgain()
	default:
		s.sendFailed(now, dial.Classify(err))
	}
}

// read reads until the connection is over, and reports to the slot what arrives.
func (s *netSlot) read(conn net.Conn) {
	size := min(window, max(4<<10, s.Sizes.Max()))
	if s.udp() {
		size = 64 << 10
	}
	for buf := make([]byte, size); ; {
		n, err := conn.Read(buf)
		if !s.udp() {
			err = s.writes.ReadError(conn, err)
		}
		s.mu.Lock()
		now := s.now()
		switch {
		case s.udp() && err == nil:
			s.receivedDatagram(now, buf[:n])
		case s.udp():
			s.receiveFailed(now, dial.Classify(err))
		default:
			if n > 0 {
				s.received(now, buf[:n])
			}
			if errors.Is(err, io.EOF) {
				s.ended(now)
			} else if err != nil {
				s.lost(now, s.classify(err))
			}
		}
		over := s.state != open
		s.unlock()
		if over {
			return
		}
	}
}

// classify returns why a stream failed, never "". What TLS reports after its handshake,
// e.g. that the server refuses the client's certificate, is still about the handshake.
func (s *netSlot) classify(err error) dial.Class {
	unknown := dial.Local
	if s.Target.Network == "tls" {
		unknown = dial.TLS
	}
	return cmp.Or(dial.Classify(err), unknown)
}

// pause returns true after d, and false if ctx ends before that.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
