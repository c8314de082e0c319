//go:build linux

package sim

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Connect is connect(2) of a non-blocking socket. On TCP it always fails with EINPROGRESS
// first, even if the connection is made before it returns. The result is what SO_ERROR or
// the next call reports. On a unix socket it succeeds or fails at once.
func (k *Kernel) Connect(fd int, addr unix.Sockaddr) sys.Errno {
	d := k.lookup(Connect, fd)
	if d == nil {
		return unix.EBADF
	}
	if d := k.decide(Connect); d.errno != 0 {
		return d.errno
	}
	switch f := d.file.(type) {
	case *stream:
		if a, ok := addr.(*unix.SockaddrUnix); ok {
			_, errno := k.unixListener(a.Name, unix.EISCONN)
			return errno
		}
		return f.connectAgain(d)
	case *datagrams:
		return f.connect(addr)
	case *socket:
		switch a := addr.(type) {
		case *unix.SockaddrUnix:
			return k.connectUnix(d, f, a.Name)
		case *unix.SockaddrInet4:
			return k.connectTCP(d, f, uint16(a.Port))
		case *unix.SockaddrInet6:
			return k.connectTCP(d, f, uint16(a.Port))
		}
	}
	return unix.EINVAL
}

// connectAgain is inet_stream_connect on a socket that was connected before. When it reports
// that connecting failed, the socket is as new again.
func (s *stream) connectAgain(d *descriptor) sys.Errno {
	end, ok := s.end.(*tcp)
	switch {
	case !ok || s.progress == established:
		return unix.EISCONN
	case s.progress == disconnecting:
		return unix.EINVAL
	case end.synSent:
		return unix.EALREADY
	}
	s.progress = established
	if !end.dead() {
		return end.takeError()
	}
	end.close(false)
	d.file = &socket{k: s.k, domain: s.domain, linger: s.linger, inline: end.inline, port: s.port}
	if errno := end.takeError(); errno != 0 {
		return errno
	}
	return unix.ECONNABORTED // another call has reported the error
}

func (k *Kernel) connectTCP(d *descriptor, s *socket, port uint16) sys.Errno {
	if s.listening {
		return unix.EISCONN
	}
	end := newTCP(k.recvBuffer, k.sendBuffer)
	end.inline = s.inline
	if s.port == 0 {
		s.port = k.nextPort
		k.nextPort++
	}
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), s.port)
	to := netip.AddrPortFrom(from.Addr(), port)
	st := &stream{k: k, end: end, domain: s.domain, port: s.port, addr: to, linger: s.linger, progress: connecting}
	d.file = st
	end.synSent = true
	if k.listenerAt(port) == nil && k.remotes[port] == nil {
		end.getReset()
		return unix.EINPROGRESS
	}
	k.startAttempt(&attempt{port: port, client: end, stream: st, addr: from})
	return unix.EINPROGRESS
}

func (k *Kernel) connectUnix(d *descriptor, s *socket, path string) sys.Errno {
	if r := k.unixRemotes[path]; r != nil {
		if r.Full {
			return unix.EAGAIN
		}
		p := &Peer{k: k}
		client, peer := newLocalPair()
		client.rcv, client.snd, client.inline = k.recvBuffer, k.sendBuffer, s.inline
		peer.rcv, peer.snd = p.bufferSize, func() int { return k.RecvBuffer }
		peer.inline, peer.notify = true, p.wake
		p.end, p.server = peer, &stream{k: k, end: client, domain: s.domain, linger: s.linger}
		d.file = p.server
		r.accept(p)
		return 0
	}
	var state sys.Errno
	if s.listening {
		state = unix.EINVAL
	}
	l, errno := k.unixListener(path, state)
	if errno != 0 {
		return errno
	}
	client, server := newLocalPair()
	client.rcv, client.snd, client.inline = k.recvBuffer, k.sendBuffer, s.inline
	d.file = &stream{k: k, end: client, domain: s.domain, linger: s.linger}
	l.enqueue(server, netip.AddrPort{})
	return 0
}

// unixListener returns the socket that listens on path. unix_stream_connect checks the queue
// of the listener first and the state of the caller's socket then: state is the error of
// that.
func (k *Kernel) unixListener(path string, state sys.Errno) (*socket, sys.Errno) {
	l := k.paths[path]
	switch {
	case l == nil:
		return nil, unix.ENOENT
	case l.checkQueue() != 0:
		return nil, l.checkQueue()
	}
	return l, state
}

// attempt is a TCP connection that is being made. While the accept queue is full the
// listener drops the SYN, and the client sends it again after 1, 2, 4 … seconds, six times
// (tcp(7), tcp_syn_retries), until connect(2) fails with ETIMEDOUT.
type attempt struct {
	port   uint16
	client *tcp
	stream *stream        // its descriptor; nil for a Peer
	addr   netip.AddrPort // the client's
	made   func(*stream)  // called with the server's end; may be nil
	failed func()         // called after a reset or a timeout; may be nil
	next   int64
	wait   time.Duration
}

const (
	firstSYN = time.Second
	lastSYN  = 64 * time.Second
)

// startAttempt sends the first SYN.
func (k *Kernel) startAttempt(a *attempt) {
	a.client.synSent = true
	a.wait = firstSYN
	a.next = k.clock + int64(a.wait)
	if !k.sendSYN(a) {
		k.attempts = append(k.attempts, a)
	}
}

// sendSYN reports whether the attempt is over.
func (k *Kernel) sendSYN(a *attempt) bool {
	l, r := k.listenerAt(a.port), k.remotes[a.port]
	switch {
	case a.client.closed:
		return true
	case r != nil && r.Full:
		return false
	case r != nil:
		k.connectRemote(r, a)
		return true
	case l == nil:
		a.client.getReset()
		a.reportFailure()
		return true
	case l.checkQueue() != 0:
		return false
	}
	server := newTCP(nil, nil)
	server.peer, a.client.peer = a.client, server
	a.client.synSent = false
	st := l.enqueue(server, a.addr)
	if a.made != nil {
		a.made(st)
	}
	if server.shut&sndShutdown != 0 {
		server.finDue = true
		server.deliver()
	}
	a.client.deliver()
	a.client.changed()
	return true
}

func (a *attempt) reportFailure() {
	if a.failed != nil {
		a.failed()
	}
}

// resendSYNs sends the SYNs that are due.
func (k *Kernel) resendSYNs() {
	k.attempts = slices.DeleteFunc(k.attempts, func(a *attempt) bool {
		for k.clock >= a.next {
			if k.sendSYN(a) {
				return true
			}
			if a.wait >= lastSYN {
				a.client.lose(unix.ETIMEDOUT)
				a.client.synSent = false
				a.reportFailure()
				return true
			}
			a.wait *= 2
			a.next += int64(a.wait)
		}
		return false
	})
}

// Remote is a service on another machine, for a process that connects to it. The other
// end of each connection is a [Peer]. Its fields may be changed at any time.
type Remote struct {
	// Accept, if not nil, is called with each new connection.
	Accept func(p *Peer)
	// Receive, if not nil, is called with each datagram; [Kernel.Deliver] answers it.
	Receive func(d Datagram)
	// Full drops every SYN. On a unix socket connect(2) fails with EAGAIN.
	Full bool
}

// Remote returns a service at port. Without one, and without a listener on this kernel,
// connections and datagrams to that port are refused.
func (k *Kernel) Remote(port uint16) *Remote {
	r := new(Remote)
	k.remotes[port] = r
	return r
}

// RemoteUnix is Remote at the path of a unix socket.
func (k *Kernel) RemoteUnix(path string) *Remote {
	r := new(Remote)
	k.unixRemotes[path] = r
	return r
}

// connectRemote completes a TCP connection to r.
func (k *Kernel) connectRemote(r *Remote, a *attempt) {
	p := &Peer{k: k, server: a.stream, addr: a.stream.addr}
	peer := newTCP(p.bufferSize, func() int { return math.MaxInt })
	peer.inline, peer.notify = true, p.wake
	p.end = peer
	peer.peer, a.client.peer = a.client, peer
	a.client.synSent = false
	r.accept(p)
	a.client.deliver()
}

func (r *Remote) accept(p *Peer) {
	if r.Accept != nil {
		r.Accept(p)
	}
}

// RemoveRemote removes the service at port: new connections are refused.
func (k *Kernel) RemoveRemote(port uint16) { delete(k.remotes, port) }
