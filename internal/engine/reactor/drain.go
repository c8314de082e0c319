//go:build linux

package reactor

import (
	"context"

	"echod/internal/engine"
)

// Shutdown drains. Nobody is sent a FIN for it: a FIN that the peer has not
// earned by finishing first would be a lie about what is still on its way. A
// stream ends as it would have ended, or is reset when ctx ends.
func (s *server) Shutdown(ctx context.Context) error {
	s.drain()
	if !s.serving.Swap(true) {
		s.finish() // it never served, so nothing will turn
		return nil
	}
	select {
	case <-s.over:
		return nil
	case <-ctx.Done():
	}
	s.abort()
	<-s.over
	return ctx.Err()
}

// drain tells the loops to take in what is queued and to end when nobody is
// left.
func (s *server) drain() {
	s.draining.Store(true)
	s.wake()
}

// abort tells them to reset whoever is left.
func (s *server) abort() {
	s.draining.Store(true)
	s.aborting.Store(true)
	s.wake()
}

func (s *server) wake() {
	for _, l := range s.loops {
		l.mail.wake()
	}
}

// heed looks whether the server is to end.
func (l *loop) heed() {
	switch {
	case l.srv.aborting.Load():
		l.abandon()
	case l.srv.draining.Load():
		l.retire()
	}
}

// retire takes in what is queued and closes what brings new work.
func (l *loop) retire() {
	for _, ln := range l.listeners {
		ln.drain(l)
	}
	l.closePackets()
	l.leaveDelivery()
}

// abandon resets every stream of the loop and whoever is queued, and closes whatever
// it listens on.
func (l *loop) abandon() {
	for _, ln := range l.listeners {
		if !ln.closed {
			ln.refuseQueue(l)
			ln.close(l)
		}
	}
	l.closePackets()
	l.mail.deliver(l)
	l.leaveDelivery()
	for i := range l.lists {
		for c := l.lists[i].first(); c != nil; c = l.lists[i].first() {
			l.end(c, engine.Drained)
		}
	}
	l.bury()
}

// done tells whether the loop may end: the service ends, nobody is left and
// nobody can come. The listeners are asked first: whoever they let in was
// counted before they closed.
func (l *loop) done() bool {
	if !l.srv.draining.Load() {
		return false
	}
	closed := l.srv.aborting.Load() || l.srv.listening.Load() == 0
	return closed && l.load.Load() == 0
}
