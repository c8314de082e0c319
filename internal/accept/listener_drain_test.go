package accept

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrainServesTheQueueAtTheLimit has 5 slots and 100 connections in the queue. Each
// connection lasts 0.3 s.
func TestDrainServesTheQueueAtTheLimit(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			slots := NewSlots(5, 0)
			s := newFakeSocket(100)
			cfg := Config{Socket: s, Slots: slots}
			if known {
				cfg.QueueLength = func() int { return len(s.queue) }
				cfg.Pending = func() bool { return len(s.queue) > 0 }
			}
			l := NewListener(cfg)
			time.AfterFunc(100*time.Millisecond, l.Drain)
			got := acceptAll(t, l, slots, 300*time.Millisecond)
			if got != (accepted{served: 100}) {
				t.Errorf("queue known %t: got %+v, want all 100 served", known, got)
			}
			synctest.Wait()
		})
	}
}

// slowSocket looks at its queue after the deadline, as a listener of package net does on
// a busy machine.
type slowSocket struct {
	*fakeSocket
	slow int // how many calls of Accept are slow
}

func (s *slowSocket) Accept() (net.Conn, error) {
	if s.slow > 0 {
		s.slow--
		time.Sleep(2 * Grace)
	}
	return s.fakeSocket.Accept()
}

func TestABusyMachineDoesNotLoseTheQueue(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			slots := NewSlots(5, 0)
			s := &slowSocket{newFakeSocket(100), maxTries - 1}
			cfg := Config{Socket: s, Slots: slots}
			if known {
				cfg.QueueLength = func() int { return len(s.queue) }
				cfg.Pending = func() bool { return len(s.queue) > 0 }
			}
			l := NewListener(cfg)
			l.Drain()
			if got := acceptAll(t, l, slots, 0); got != (accepted{served: 100}) {
				t.Errorf("queue known %t: got %+v, want all 100 served", known, got)
			}
			synctest.Wait()
		})
	}
}

func TestDrainEndsThoughTheSocketStaysReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(Config{Socket: newFakeSocket(0), Slots: NewSlots(1, 0), Pending: func() bool { return true }})
		l.Drain()
		if conn, err := l.Accept(); conn != nil || !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, %v; want net.ErrClosed", conn, err)
		}
	})
}

func TestDrainRefusesConnectionsThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(1, 0)
		s := newFakeSocket(3)
		l := NewListener(Config{Socket: s, Slots: slots, QueueLength: func() int { return len(s.queue) }})
		l.Drain()
		time.AfterFunc(time.Second, func() { // while the second of three is served
			for range 10 {
				s.connect()
			}
		})
		if got := acceptAll(t, l, slots, 700*time.Millisecond); got != (accepted{served: 3, refused: 10}) {
			t.Errorf("got %+v, want 3 served and 10 refused", got)
		}
		time.Sleep(time.Minute)
	})
}

// TestDrainMeasuresTheQueueAtOnce drains while the listener is in a pause or waits for a
// slot. Connections that come before it wakes up are late.
func TestDrainMeasuresTheQueueAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		queued int
		errors []syscall.Errno
		want   accepted
	}{
		{"in a pause", 1, []syscall.Errno{syscall.EMFILE}, accepted{served: 1, refused: 1}},
		{"in a pause, an empty queue", 0, []syscall.Errno{syscall.EMFILE}, accepted{refused: 1}},
		{"waiting for a slot", 2, nil, accepted{served: 2, refused: 1}},
		{"waiting for a slot, one more queued", 3, nil, accepted{served: 3, refused: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, slots := newFakeSocket(tt.queued, tt.errors...), NewSlots(1, 0)
				l := NewListener(Config{Socket: s, Slots: slots, QueueLength: func() int { return len(s.queue) }})
				var got accepted
				done := make(chan struct{})
				go func() {
					defer close(done)
					got = acceptAll(t, l, slots, 80*time.Millisecond)
				}()
				synctest.Wait()
				l.Drain()
				time.Sleep(Grace + time.Millisecond)
				s.connect()
				<-done
				if got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}

func TestDrainLeavesASharedQueueToTheOtherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := NewSlots(1, 0)
		s := newFakeSocket(1)
		l := NewListener(Config{Socket: s, Slots: slots, Shared: true, QueueLength: func() int { return 1 }})
		l.Drain()
		time.AfterFunc(time.Second, func() { s.connect(); s.connect() })
		slots.Acquire()
		time.AfterFunc(2*time.Second, slots.Release)
		if got := acceptAll(t, l, slots, 0); got != (accepted{served: 1}) {
			t.Errorf("got %+v, want 1 served", got)
		}
		if len(s.queue) != 2 {
			t.Errorf("left in the queue: %d, want 2", len(s.queue))
		}
		time.Sleep(time.Minute)
	})
}

func TestDrainOfAnIdleListenerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(Config{Socket: newFakeSocket(0), Slots: NewSlots(1, 0)})
		time.AfterFunc(time.Second, l.Drain)
		if conn, err := l.Accept(); conn != nil || !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, %v; want net.ErrClosed", conn, err)
		}
	})
}
