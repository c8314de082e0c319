//go:build linux

package sim_test

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// outq compares what is not delivered yet, and the accept queue. On a unix socket only 0 has a
// meaning. On a TCP socket whose connection is closed, or that was shut down while it
// listened, the number has no meaning.
func (p *pair) outq(s *socket, o op) {
	if p.domain == unix.AF_INET && s.peer != nil {
		for _, other := range p.sockets {
			if other == s.peer {
				p.sides[1].k.SetsockoptInt(other.fd[1], unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
			}
		}
	}
	gone := p.poll(0, s)&unix.POLLHUP != 0
	p.eventually(fmt.Sprintf("outq %d", s.id), func(w *side, i int) string {
		n, errno := w.k.Outq(s.fd[i])
		if gone {
			return name(errno)
		}
		if p.domain == unix.AF_UNIX {
			return fmt.Sprint(n > 0, name(errno))
		}
		return fmt.Sprint(n, name(errno))
	})
	if s.kind != connected || p.domain == unix.AF_UNIX {
		p.eventually(fmt.Sprintf("accept queue %d", s.id), func(w *side, i int) string {
			n, errno := w.k.AcceptQueue(s.fd[i])
			return fmt.Sprint(n, name(errno))
		})
	}
}

// held compares what a kernel holds for a connection, as far as it does not depend on time. What
// is not acknowledged is compared by outq. On a unix socket Linux 6.18 goes on to count an urgent
// byte that recv has skipped and dropped (manage_oob in net/unix/af_unix.c does not change
// inq_len); the simulated kernel does not.
func (p *pair) held(s *socket, o op) {
	if s.kind != connected || p.domain == unix.AF_UNIX && p.urgent {
		return
	}
	p.eventually(fmt.Sprintf("held %d", s.id), func(w *side, i int) string {
		held, ok := w.k.(sys.Inspector).Inspect(s.fd[i])
		return fmt.Sprint(held.State, " ", held.Arrived, " resets ", held.Resets, " ", ok)
	})
}

func (p *pair) socketError(s *socket, o op) {
	p.both(fmt.Sprintf("error of %d", s.id), func(w *side, i int) string {
		pending, errno := w.k.SocketError(s.fd[i])
		return name(pending) + " " + name(errno)
	})
}

func (p *pair) getpeername(s *socket, o op) {
	p.eventually(fmt.Sprintf("getpeername %d", s.id), func(w *side, i int) string { return family(w.k, s.fd[i]) })
}

func (p *pair) selects(s *socket, o op) {
	p.both(fmt.Sprintf("select %d", s.id), func(w *side, i int) string {
		if s.fd[i] >= unix.FD_SETSIZE {
			return "beyond fd_set"
		}
		var r, wr unix.FdSet
		r.Set(s.fd[i])
		wr.Set(s.fd[i])
		n, errno := w.k.Select(s.fd[i]+1, &r, &wr, 0)
		return fmt.Sprint(n, name(errno), r.IsSet(s.fd[i]), wr.IsSet(s.fd[i]))
	})
}

func (p *pair) epoll(s *socket, o op) {
	want := uint32(everyEvent)
	if o.flag {
		want = unix.EPOLLIN
	}
	p.both(fmt.Sprintf("epoll %d %x", s.id, want), func(w *side, i int) string {
		ep, errno := w.k.EpollCreate1(unix.EPOLL_CLOEXEC)
		if errno != 0 {
			return name(errno)
		}
		defer w.k.Close(ep)
		added := w.k.EpollCtl(ep, unix.EPOLL_CTL_ADD, s.fd[i], &unix.EpollEvent{Events: want, Fd: 7})
		found := make([]unix.EpollEvent, 2)
		n, errno := w.k.EpollWait(ep, found, 0)
		w.k.EpollCtl(ep, unix.EPOLL_CTL_DEL, s.fd[i], nil)
		return fmt.Sprint(name(added), n, name(errno), allEvents(int16(found[0].Events)), found[0].Fd)
	})
}

// fill sends until the buffers are full. Then one of these happens: the other end reads everything,
// after both have finished or before; the sender resets; the other end closes. How much fits may
// differ.
func (p *pair) fill(s *socket, o op) {
	if o.number > 1 || !p.bothIdle(s) {
		return
	}
	k := p.sides[0].sim
	k.RecvBuffer, k.SendBuffer = 3000, 2000
	defer func() { k.RecvBuffer, k.SendBuffer = plenty, plenty }()
	var sent [2][]byte
	before := p.sent
	p.both(fmt.Sprintf("fill %d", s.id), func(w *side, i int) string {
		p.sent = before
		var errno sys.Errno
		sent[i], errno = p.sendUntilFull(w, i, s)
		return name(errno)
	})
	switch {
	case o.number == 0:
		if o.flag {
			p.shutdown(s, op{number: unix.SHUT_WR})
			p.shutdown(s.peer, op{number: unix.SHUT_WR})
			p.held(s, o)
		}
		p.both("read it all", func(w *side, i int) string {
			got, errno := p.readAll(w, i, s.peer, len(sent[i]))
			return fmt.Sprint(bytes.HasPrefix(sent[i], got), len(got) == len(sent[i]), name(errno))
		})
	case o.flag:
		p.linger(s, op{flag: true})
		p.close(s, op{})
		p.reachesReset(s.peer)
		p.both("read what is left", func(w *side, i int) string {
			got, errno := p.readAll(w, i, s.peer, len(sent[i])+1)
			return fmt.Sprint(bytes.HasPrefix(sent[i], got), name(errno))
		})
	default:
		p.close(s.peer, op{})
	}
}

// bothIdle reports whether both ends are open and have nothing to read.
func (p *pair) bothIdle(s *socket) bool {
	open := 0
	for _, other := range p.sockets {
		if other == s || other == s.peer {
			open++
			if p.poll(0, other) != unix.POLLOUT {
				return false
			}
		}
	}
	return open == 2
}

func (p *pair) reachesReset(s *socket) {
	hup := func(i int) string { return fmt.Sprint(p.poll(i, s)&unix.POLLHUP != 0) }
	p.eventually("hang-up", func(w *side, i int) string { return hup(i) })
}

// sendUntilFull sends until EAGAIN.
func (p *pair) sendUntilFull(w *side, i int, s *socket) (all []byte, errno sys.Errno) {
	for {
		b := p.payload(1 << 16)
		n, errno := w.k.Send(s.fd[i], b, unix.MSG_NOSIGNAL)
		all = append(all, b[:n]...)
		if errno != 0 {
			return all, errno
		}
		p.sent -= len(b) - n
	}
}

// readAll reads want bytes, or until an error or the end of file.
func (p *pair) readAll(w *side, i int, s *socket, want int) (all []byte, errno sys.Errno) {
	b := make([]byte, 1<<16)
	for len(all) < want {
		n, errno := w.k.Recv(s.fd[i], b, 0)
		all = append(all, b[:n]...)
		switch {
		case errno == unix.EAGAIN && w.sim == nil:
			entry := []unix.PollFd{{Fd: int32(s.fd[i]), Events: unix.POLLIN}}
			if ready, _ := w.k.Poll(entry, 20000); ready == 0 {
				return all, errno
			}
		case errno != 0 || n == 0:
			return all, errno
		}
	}
	return all, 0
}
