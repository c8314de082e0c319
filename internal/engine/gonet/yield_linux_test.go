package gonet

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// polledKernel always has bytes to receive. Its descriptors are those of the real kernel, so the
// runtime's poller knows them.
type polledKernel struct {
	busyKernel
	errno  sys.Errno                               // of eventfd(2)
	write  func(fd int, p []byte) (int, sys.Errno) // nil: that of Linux
	writes int
}

func (*polledKernel) Unwrap() sys.Kernel { return (*sys.Linux)(nil) }

func (k *polledKernel) Eventfd(initval uint, flags int) (int, sys.Errno) {
	if k.errno != 0 {
		return -1, k.errno
	}
	return k.busyKernel.Eventfd(initval, flags)
}

func (k *polledKernel) Write(fd int, p []byte) (int, sys.Errno) {
	k.writes++
	if k.write != nil {
		return k.write(fd, p)
	}
	return k.busyKernel.Write(fd, p)
}

// polled is the network of package net on a polledKernel.
type polled struct {
	system
	kernel *polledKernel
}

func (n polled) Calls() sock.Calls { return sock.Calls{Kernel: n.kernel} }

// oneProcessor sets GOMAXPROCS to 1 until the end of t, which must not be parallel.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// newPolled returns a server on k that is closed at the end of t.
func newPolled(t *testing.T, k *polledKernel) *server {
	t.Helper()
	srv, err := On(polled{kernel: k}).New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := srv.(*server)
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return s
}

// TestBusyStreamLetsAReadableSocketRun: the poller returns the stream and the goroutine that waits
// for the socket in any order, so this may run when the stream yields again. Rarely it is late,
// because the system has stopped a thread of the runtime at the wrong time.
func TestBusyStreamLetsAReadableSocketRun(t *testing.T) {
	const rounds, bursts = 100, 5
	oneProcessor(t)
	s := newPolled(t, &polledKernel{})
	_, accepted := unixPair(t)
	defer accepted.Close()
	c := s.newConn(accepted, nil)
	client, waiting := unixPair(t)
	defer waiting.Close()
	ran := make(chan struct{}, 1)
	go func() {
		for one := make([]byte, 1); ; ran <- struct{}{} {
			if _, err := client.Read(one); err != nil {
				return
			}
		}
	}()
	late := 0
	for range rounds {
		waiting.Write([]byte{0})
		for received := 0; received < bursts*longestBurst && len(ran) == 0; {
			n, err := c.transport.receive(c)
			if err != nil {
				t.Fatal(err)
			}
			received += n
		}
		if len(ran) == 0 {
			late++
		}
		<-ran
	}
	if late > rounds/2 {
		t.Errorf("while a stream received %d bytes: a goroutine whose socket was readable did not run in %d of %d rounds, want at most %d",
			bursts*longestBurst, late, rounds, rounds/2)
	}
}

func TestBusyStreamsYieldToEachOther(t *testing.T) {
	oneProcessor(t)
	s := newPolled(t, &polledKernel{})
	const most = 1000
	var yielded [3]atomic.Int64
	var group sync.WaitGroup
	defer group.Wait()
	first := make(chan struct{}, len(yielded))
	for i := range yielded {
		group.Go(func() {
			for yielded[i].Add(1) < most {
				s.yield.wait()
			}
			first <- struct{}{}
		})
	}
	<-first
	for i := range yielded {
		if n := yielded[i].Load(); n < most/2 {
			t.Errorf("when one goroutine has yielded %d times: another one has %d times, want at least %d", most, n, most/2)
		}
	}
}

func TestYieldWritesOnceAndDoesNotSleep(t *testing.T) {
	k := &polledKernel{}
	s := newPolled(t, k)
	const most = 1000 // more than fit into a byte of the counter
	for i := range most {
		if !s.yield.join() {
			t.Fatalf("yield %d: the eventfd was not polled, so it sleeps", i)
		}
	}
	if k.writes != most {
		t.Errorf("yielding %d times: got %d writes, want as many", most, k.writes)
	}
}

func TestYieldAllocatesNothing(t *testing.T) {
	s := newPolled(t, &polledKernel{})
	if n := testing.AllocsPerRun(100, s.yield.wait); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestYieldEndsWithoutAPoll(t *testing.T) {
	failed := func(errno sys.Errno) *polledKernel {
		return &polledKernel{write: func(int, []byte) (int, sys.Errno) { return 0, errno }}
	}
	tests := []struct {
		name   string
		kernel *polledKernel
		closed bool
	}{
		{"the write is interrupted", failed(syscall.EINTR), false},
		{"the counter is full", failed(syscall.EAGAIN), false},
		{"the server is closed before", &polledKernel{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newPolled(t, tt.kernel)
			if tt.closed {
				s.Shutdown(context.Background())
			}
			if within(t, s.yield.join) {
				t.Error("the eventfd was polled")
			}
		})
	}
}

// TestCloseEndsAYield: nothing was written, so only the close ends it.
func TestCloseEndsAYield(t *testing.T) {
	writing := make(chan struct{})
	s := newPolled(t, &polledKernel{write: func(int, []byte) (int, sys.Errno) { close(writing); return 8, 0 }})
	go func() {
		<-writing
		s.Shutdown(context.Background())
	}()
	if within(t, s.yield.join) {
		t.Error("the eventfd was polled")
	}
}

// within returns the result of f, and fails the test if f does not return.
func within(t *testing.T, f func() bool) bool {
	t.Helper()
	result := make(chan bool, 1)
	go func() { result <- f() }()
	select {
	case r := <-result:
		return r
	case <-time.After(waitLimit):
		t.Fatalf("it has not returned within %v", waitLimit)
		return false
	}
}

func TestServerWithoutADescriptorForYieldIsAnError(t *testing.T) {
	_, err := On(polled{kernel: &polledKernel{errno: syscall.EMFILE}}).New(engine.Config{})
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("New with eventfd(2) failing: got %v, want %v", err, syscall.EMFILE)
	}
}
