//go:build linux

package sim_test

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// connection returns a simulated kernel with a listener l and a connection: c is the
// descriptor, p the peer.
func connection(t *testing.T) (k *sim.Kernel, l, c int, p *sim.Peer) {
	t.Helper()
	k = sim.New(nil)
	s := newServer(t, k, unix.AF_INET)
	p = k.Dial(s.port)
	return k, s.listener, accept(t, k, s.listener), p
}

func accept(t *testing.T, k *sim.Kernel, l int) int {
	t.Helper()
	fd, errno := k.Accept4(l, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if errno != 0 {
		t.Fatalf("accept4: %v", errno)
	}
	return fd
}

func mask(k *sim.Kernel, fd int) int16 {
	entry := []unix.PollFd{{Fd: int32(fd), Events: everyEvent}}
	k.Poll(entry, 0)
	return entry[0].Revents
}

func TestSpuriouslyReadySocketFailsWithEAGAIN(t *testing.T) {
	k, l, c, p := connection(t)
	other := k.Dial(portOf(t, k, l))
	p.Send([]byte("hello"))
	p.SpuriousReady(sim.Recv, true)
	k.SpuriousReady(c, sim.Send, true)
	k.SpuriousReady(l, sim.Accept4, true)
	for range 3 {
		if got := mask(k, c); got&(unix.POLLIN|unix.POLLOUT) != unix.POLLIN|unix.POLLOUT {
			t.Errorf("poll of the stream: got %s, want in|out", events(got))
		}
		if got := mask(k, l); got != unix.POLLIN {
			t.Errorf("poll of the listener: got %s, want in", events(got))
		}
		_, recv := k.Recv(c, make([]byte, 9), 0)
		_, send := k.Send(c, []byte("x"), unix.MSG_NOSIGNAL)
		_, acc := k.Accept4(l, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if recv != unix.EAGAIN || send != unix.EAGAIN || acc != unix.EAGAIN {
			t.Fatalf("got recv %v, send %v, accept %v; want EAGAIN", recv, send, acc)
		}
	}
	p.SpuriousReady(sim.Recv, false)
	k.SpuriousReady(c, sim.Send, false)
	k.SpuriousReady(l, sim.Accept4, false)
	n, errno := k.Recv(c, make([]byte, 9), 0)
	if n != 5 || errno != 0 {
		t.Errorf("recv after the shortage: got %d %v, want 5", n, errno)
	}
	if n, errno := k.Send(c, []byte("hello"), unix.MSG_NOSIGNAL); n != 5 || errno != 0 {
		t.Errorf("send after the shortage: got %d %v, want 5", n, errno)
	}
	accept(t, k, l)
	if other.End() != sim.StillOpen {
		t.Errorf("the connection in the queue: got %v, want still open", other.End())
	}
}

// A program that repeats the call whenever poll reports that the socket is ready spins.
func TestSpuriousReadinessRevealsALoopThatSpins(t *testing.T) {
	k, _, c, _ := connection(t)
	k.SpuriousReady(c, sim.Send, true)
	for range 40 {
		mask(k, c)
		k.Send(c, []byte("x"), unix.MSG_NOSIGNAL)
	}
	if len(k.Violations()) == 0 {
		t.Error("got no violation, want one that says that the loop spins")
	}
}

func TestTimePassesAndPeersActDuringAPause(t *testing.T) {
	k, _, c, p := connection(t)
	before := k.Now()
	k.Pause(1, 5*time.Minute, func() { p.Send([]byte("meanwhile")) })
	if got := mask(k, c); got&unix.POLLIN != 0 {
		t.Error("got input before the pause")
	}
	if got := time.Duration(k.Now() - before); got > time.Second {
		t.Errorf("the first call: got %v passed, want less than a second", got)
	}
	if got := mask(k, c); got&unix.POLLIN == 0 {
		t.Error("got no input after the pause")
	}
	if got := time.Duration(k.Now() - before); got < 5*time.Minute {
		t.Errorf("after the pause: got %v passed, want 5m", got)
	}
}

func TestLimitsCanChangeBetweenCalls(t *testing.T) {
	k, l, c, _ := connection(t)
	port := portOf(t, k, l)
	k.Dial(port)
	open := len(k.Open())
	accept4 := func() sys.Errno {
		_, errno := k.Accept4(l, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return errno
	}
	socket := func(domain int) sys.Errno {
		fd, errno := k.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if errno == 0 {
			k.Close(fd)
		}
		return errno
	}
	ep, _ := k.EpollCreate1(unix.EPOLL_CLOEXEC)
	steps := []struct {
		name string
		set  func()
		call func() sys.Errno
		want sys.Errno
	}{
		{"descriptors", func() { k.NoFile = slices.Max(k.Open()) + 1 }, accept4, unix.EMFILE},
		{"files", func() { k.NoFile, k.Limits.Files = 100, open+1 }, accept4, unix.ENFILE},
		{"sockets", func() { k.Limits = sim.Limits{Sockets: 2} }, func() sys.Errno { return socket(unix.AF_INET) }, unix.ENOBUFS},
		{"unix sockets", func() {}, func() sys.Errno { return socket(unix.AF_UNIX) }, unix.ENOMEM},
		{"no limit", func() { k.Limits = sim.Limits{} }, func() sys.Errno { return socket(unix.AF_INET) }, 0},
		{"first watch", func() { k.Limits.Watches = 1 }, func() sys.Errno {
			return k.EpollCtl(ep, unix.EPOLL_CTL_ADD, c, &unix.EpollEvent{Events: unix.EPOLLIN})
		}, 0},
		{"second watch", func() {}, func() sys.Errno {
			return k.EpollCtl(ep, unix.EPOLL_CTL_ADD, l, &unix.EpollEvent{Events: unix.EPOLLIN})
		}, unix.ENOSPC},
		{"the queue is untouched", func() {}, accept4, 0},
	}
	for _, s := range steps {
		s.set()
		if got := s.call(); got != s.want {
			t.Errorf("%s: got %v, want %v", s.name, got, s.want)
		}
	}
}

func TestLowestFreeDescriptorIsUsedNext(t *testing.T) {
	k, l, c, _ := connection(t)
	k.Dial(portOf(t, k, l))
	k.Close(c)
	if got := accept(t, k, l); got != c {
		t.Errorf("got descriptor %d, want %d: the lowest that is free", got, c)
	}
}

// Another process that shares a listener shuts it down.
func TestListenerThatAnotherProcessShutsDownRefusesAccept(t *testing.T) {
	k, l, _, _ := connection(t)
	waiting := k.Dial(portOf(t, k, l))
	k.ShutdownElsewhere(l, unix.SHUT_RD)
	for range 3 {
		if got := mask(k, l); got != unix.POLLHUP|unix.POLLOUT {
			t.Errorf("poll: got %s, want out|hup", events(got))
		}
		if _, errno := k.Accept4(l, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); errno != unix.EINVAL {
			t.Errorf("accept: got %v, want EINVAL", errno)
		}
	}
	if waiting.End() != sim.Reset {
		t.Errorf("the connection in the queue: got %v, want reset", waiting.End())
	}
}

// A SYN is dropped while the queue is full, and sent again.
func TestFullAcceptQueueMakesPeersWait(t *testing.T) {
	k, l, _, _ := connection(t)
	k.Listen(l, 0)
	port := portOf(t, k, l)
	first, second := k.Dial(port), k.Dial(port)
	second.Send([]byte("hello"))
	if n, _ := k.AcceptQueue(l); n != 1 {
		t.Errorf("accept queue: got %d, want 1", n)
	}
	accept(t, k, l)
	if n, _ := k.AcceptQueue(l); n != 0 {
		t.Errorf("accept queue before the SYN is sent again: got %d, want 0", n)
	}
	k.Advance(time.Second)
	c := accept(t, k, l)
	if n, errno := k.Recv(c, make([]byte, 9), 0); n != 5 || errno != 0 {
		t.Errorf("recv: got %d %v, want 5", n, errno)
	}
	third := k.Dial(port)
	k.Dial(port)
	lost := k.Dial(port)
	k.Advance(5 * time.Minute)
	if first.End() != sim.StillOpen || third.End() != sim.StillOpen || lost.End() != sim.Refused {
		t.Errorf("got %v, %v and, after all SYNs, %v; want still open, still open, refused", first.End(), third.End(), lost.End())
	}
}

func portOf(t *testing.T, k *sim.Kernel, fd int) uint16 {
	t.Helper()
	name, errno := k.Getsockname(fd)
	if errno != 0 {
		t.Fatalf("getsockname: %v", errno)
	}
	return uint16(name.(*unix.SockaddrInet4).Port)
}

// With SO_OOBINLINE the urgent byte is part of the stream; without it recv skips it.
func TestPeersSendUrgentData(t *testing.T) {
	for _, inline := range []bool{true, false} {
		k, _, c, p := connection(t)
		want := "abcd"
		if inline {
			k.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
		} else {
			want = "abd"
		}
		p.SendUrgent([]byte("abc"))
		p.Send([]byte("d"))
		var got []byte
		b := make([]byte, 9)
		for {
			n, errno := k.Recv(c, b, 0)
			if errno != 0 {
				break
			}
			got = append(got, b[:n]...)
			k.Send(c, b[:n], unix.MSG_NOSIGNAL)
		}
		if string(got) != want || string(p.Received()) != want {
			t.Errorf("inline %v: got %q, and the peer %q; want %q", inline, got, p.Received(), want)
		}
	}
}

// What the kernel of a stalled peer has received is delivered: the peer reads it before a
// reset that comes later.
func TestKernelOfAStalledPeerReceivesSomeBytes(t *testing.T) {
	k, _, c, p := connection(t)
	k.PeerBuffer, k.SendBuffer = 10, 100
	p.Stall()
	p.Send(make([]byte, 15))
	k.Recv(c, make([]byte, 15), 0)
	k.Send(c, make([]byte, 15), unix.MSG_NOSIGNAL)
	if n, _ := k.Outq(c); n != 5 {
		t.Errorf("outq: got %d, want 5", n)
	}
	k.SetsockoptLinger(c, &unix.Linger{Onoff: 1})
	k.Close(c)
	p.Resume()
	if got := len(p.Received()); got != 10 || p.End() != sim.Reset {
		t.Errorf("the peer: got %d bytes and %v, want 10 and reset", got, p.End())
	}
}

func TestChooseDecidesTheCallsAfterTheScript(t *testing.T) {
	k, _, c, p := connection(t)
	p.Send([]byte("hello"))
	calls := 0
	k.Choose = func(call sim.Call) byte {
		calls++
		switch {
		case call != sim.Recv:
			return 0
		case calls%2 == 1:
			return sim.Fail(sim.Recv, unix.EINTR)
		}
		return sim.Short(1)
	}
	for i := range 10 {
		n, errno := k.Recv(c, make([]byte, 9), unix.MSG_PEEK)
		if wantErrno := []sys.Errno{unix.EINTR, 0}[i%2]; errno != wantErrno || n != i%2 {
			t.Errorf("call %d: got %d %v, want %d %v", i, n, errno, i%2, wantErrno)
		}
	}
	k.EndFaults()
	if n, errno := k.Recv(c, make([]byte, 9), 0); n != 5 || errno != 0 {
		t.Errorf("after EndFaults: got %d %v, want 5", n, errno)
	}
}
