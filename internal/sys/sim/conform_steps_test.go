//go:build linux

package sim_test

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// conform runs ops on both kernels.
func conform(t *rapid.T, domain int, ops []op) {
	p := newPair(t, domain)
	defer p.finish()
	for _, o := range ops {
		if step := p.step(o); step == nil {
			continue
		} else {
			step(o)
			p.compareState()
		}
	}
}

// step returns what o does; nil if no socket fits.
func (p *pair) step(o op) func(op) {
	any := []kind{fresh, listening, connected}
	if p.domain == unix.AF_UNIX && !urgentOnUnix && strings.HasSuffix(o.kind, "urgent") {
		return nil
	}
	switch o.kind {
	case "listen":
		return p.listen
	case "fresh":
		return func(o op) { p.open(unix.SOCK_STREAM) }
	case "connect":
		return p.on(p.connect, listening)
	case "overflow":
		return p.on(p.overflow, listening)
	case "accept":
		if o.number == 0 {
			return p.on(p.accept, any...)
		}
		return p.on(p.accept, listening)
	case "relisten":
		return p.on(p.relisten, fresh, listening, listening)
	case "fill":
		return p.on(p.fill, connected)
	case "send", "send urgent", "recv", "peek", "recv urgent", "peek urgent":
		if o.number == 0 && o.another {
			return p.on(p.move, any...)
		}
		return p.on(p.move, connected)
	case "connect again":
		return p.on(p.connectAgain, connected)
	}
	steps := map[string]func(*socket, op){"shutdown": p.shutdown, "close": p.close, "linger": p.linger,
		"inline": p.inline, "outq": p.outq, "held": p.held, "socket error": p.socketError, "select": p.selects, "epoll": p.epoll, "getpeername": p.getpeername}
	return p.on(steps[o.kind], any...)
}

// on returns a step that does do on one of the sockets of these kinds.
func (p *pair) on(do func(*socket, op), kinds ...kind) func(op) {
	some := p.of(kinds...)
	if len(some) == 0 {
		return nil
	}
	return func(o op) { do(some[o.socket%len(some)], o) }
}

func (p *pair) listen(o op) {
	if len(p.of(listening)) >= 2 {
		return
	}
	s := p.open(unix.SOCK_STREAM)
	s.kind, s.backlog = listening, o.number
	p.bind(s)
	p.option(s, unix.SO_OOBINLINE, o.flag)
	p.both(fmt.Sprintf("listen %d backlog %d inline %v", s.id, s.backlog, o.flag), func(w *side, i int) string {
		return name(w.k.Listen(s.fd[i], s.backlog))
	})
}

// relisten calls listen again, on a listener that may have been shut down, or on a new socket,
// which it binds first: listen would choose its address.
func (p *pair) relisten(s *socket, o op) {
	if s.spent {
		return
	}
	if s.addr[1] == nil {
		p.bind(s)
	}
	s.kind, s.backlog = listening, o.number%4
	p.both(fmt.Sprintf("listen again %d %d", s.id, s.backlog), func(w *side, i int) string {
		return name(w.k.Listen(s.fd[i], s.backlog))
	})
	p.name(s)
}

func (p *pair) connect(l *socket, o op) {
	if p.full(l) && p.domain == unix.AF_INET {
		return // the SYN would be sent again after a second: see overflow
	}
	s := p.dial(l, o)
	if s != nil {
		p.compareState()
	}
}

// full reports whether l's queue is full on the simulated kernel.
func (p *pair) full(l *socket) bool {
	n, errno := p.sides[0].k.AcceptQueue(l.fd[0])
	return errno == 0 && n > l.backlog
}

func (p *pair) dial(l *socket, o op) *socket {
	s := p.open(unix.SOCK_STREAM)
	p.option(s, unix.SO_OOBINLINE, o.flag)
	got := p.both(fmt.Sprintf("connect %d to %d", s.id, l.id), func(w *side, i int) string {
		return name(w.k.Connect(s.fd[i], l.addr[i]))
	})
	if got != "ok" && got != "EINPROGRESS" {
		return nil
	}
	s.kind = connected
	l.queued = append(l.queued, s)
	return s
}

// overflow connects to a listener whose queue is full. On TCP the connect stays in progress
// until the socket is closed.
func (p *pair) overflow(l *socket, o op) {
	if !p.full(l) || p.domain != unix.AF_INET {
		return
	}
	queued := slices.Clone(l.queued)
	s := p.dial(l, o)
	l.queued = queued
	p.eventually("poll", func(w *side, i int) string { return allEvents(p.poll(i, s)) })
	p.both("connect again", func(w *side, i int) string { return name(w.k.Connect(s.fd[i], l.addr[i])) })
	p.both("recv", func(w *side, i int) string {
		n, errno := w.k.Recv(s.fd[i], make([]byte, 9), 0)
		return fmt.Sprint(n, " ", name(errno))
	})
	p.both("send", func(w *side, i int) string {
		n, errno := w.k.Send(s.fd[i], []byte("x"), unix.MSG_NOSIGNAL)
		return fmt.Sprint(n, " ", name(errno))
	})
	p.close(s, o)
}

func (p *pair) connectAgain(s *socket, o op) {
	ls := p.of(listening)
	if len(ls) == 0 {
		return
	}
	got := p.both(fmt.Sprintf("connect %d again", s.id), func(w *side, i int) string {
		return name(w.k.Connect(s.fd[i], ls[0].addr[i]))
	})
	if p.domain == unix.AF_INET && got != "ok" && got != "EISCONN" && got != "EINVAL" {
		s.kind, s.spent = fresh, true
	}
}

func (p *pair) accept(l *socket, o op) {
	var fds [2]int
	got := p.both(fmt.Sprintf("accept %d", l.id), func(w *side, i int) string {
		fd, errno := w.k.Accept4(l.fd[i], nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		fds[i] = fd
		return name(errno)
	})
	if got != "ok" {
		return
	}
	s := &socket{id: p.made, fd: fds, kind: connected}
	p.made++
	p.sockets = append(p.sockets, s)
	if len(l.queued) > 0 {
		s.peer, l.queued = l.queued[0], l.queued[1:]
		s.peer.peer = s
	}
	if p.domain == unix.AF_INET {
		p.sides[1].k.SetsockoptInt(s.fd[1], unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	p.note("  as %d", s.id)
}

// move makes the calls that send and receive.
func (p *pair) move(s *socket, o op) {
	flags := map[string]int{"send urgent": unix.MSG_OOB, "peek": unix.MSG_PEEK, "recv urgent": unix.MSG_OOB,
		"peek urgent": unix.MSG_OOB | unix.MSG_PEEK}[o.kind]
	n := o.number
	if o.another && n > 6 {
		n *= 30
	}
	if o.kind == "send" || o.kind == "send urgent" {
		b := p.payload(n)
		p.urgent = p.urgent || o.kind == "send urgent"
		p.both(fmt.Sprintf("%s %d %x", o.kind, s.id, b), func(w *side, i int) string {
			n, errno := w.k.Send(s.fd[i], b, unix.MSG_NOSIGNAL|flags)
			return fmt.Sprint(n, " ", name(errno))
		})
		return
	}
	p.both(fmt.Sprintf("%s %d %d", o.kind, s.id, n), func(w *side, i int) string {
		b := make([]byte, n)
		n, errno := w.k.Recv(s.fd[i], b, flags)
		return fmt.Sprintf("%d %x %s", n, b[:min(n, len(b))], name(errno))
	})
}

func (p *pair) shutdown(s *socket, o op) {
	how := o.number % 4
	if s.kind == fresh && how == 3 {
		how = 2
	}
	if s.kind == listening && o.number > 7 {
		how = 0
	}
	p.both(fmt.Sprintf("shutdown %d %d", s.id, how), func(w *side, i int) string {
		return name(w.k.Shutdown(s.fd[i], how))
	})
}

func (p *pair) close(s *socket, o op) {
	if s.kind == listening && o.number > 1 {
		return // rarely
	}
	p.both(fmt.Sprintf("close %d", s.id), func(w *side, i int) string { return name(w.k.Close(s.fd[i])) })
	p.drop(s)
}

func (p *pair) linger(s *socket, o op) {
	p.both(fmt.Sprintf("linger %d %v", s.id, o.flag), func(w *side, i int) string {
		l := unix.Linger{}
		if o.flag {
			l.Onoff = 1
		}
		return name(w.k.SetsockoptLinger(s.fd[i], &l))
	})
}

func (p *pair) inline(s *socket, o op) { p.option(s, unix.SO_OOBINLINE, o.flag) }

func (p *pair) option(s *socket, opt int, on bool) {
	value := 0
	if on {
		value = 1
	}
	p.both(fmt.Sprintf("inline %d %v", s.id, on), func(w *side, i int) string {
		return name(w.k.SetsockoptInt(s.fd[i], unix.SOL_SOCKET, opt, value))
	})
}
