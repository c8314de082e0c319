package gonet

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

func TestUnixPeerWithOwedBytesGetsAReset(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *conn)
		want error
	}{
		{"nothing received", func(*conn) {}, syscall.ECONNRESET},
		{"received, not sent", func(c *conn) { receive(t, c) }, syscall.ECONNRESET},
		{"received, half of it sent", func(c *conn) { receive(t, c); c.buf.Owed = c.buf.Owed[:2]; c.transport.send(c) }, syscall.ECONNRESET},
		{"received and sent", func(c *conn) { receive(t, c); c.transport.send(c) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, accepted := unixPair(t)
			c := newServer(engine.Config{}.WithDefaults()).newConn(accepted, nil)
			client.Write([]byte("echo"))
			tt.do(c)
			c.socket.Close()
			if _, err := io.ReadAll(client); !errors.Is(err, tt.want) {
				t.Errorf("reading to the end: got %v, want %v", err, tt.want)
			}
		})
	}
}

// receive waits until bytes have arrived. They are owed then.
func receive(t *testing.T, c *conn) {
	t.Helper()
	n, err := c.transport.receive(c)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	c.buf.Owed = c.buf.Bytes[:n]
}

func TestUrgentByteOfAUnixPeerStaysInOrder(t *testing.T) {
	conn := dial(t, serve(t, "unix", engine.Config{})).(*net.UnixConn)
	for _, part := range []struct {
		text  string
		flags int
	}{{"be", 0}, {"f", syscall.MSG_OOB}, {"ore", 0}} {
		send(t, conn, part.text, part.flags)
	}
	got := make([]byte, len("before"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "before" {
		t.Errorf("got %q and %v, want %q", got, err, "before")
	}
}

// send is send(2) with flags. It skips the test if the kernel has no urgent data on unix
// sockets.
func send(t *testing.T, conn *net.UnixConn, text string, flags int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Sendto(int(fd), []byte(text), flags, nil) })
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip("this kernel has no urgent data on unix sockets (CONFIG_AF_UNIX_OOB)")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unixPair returns both ends of a unix connection.
func unixPair(t *testing.T) (client, accepted *net.UnixConn) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(t.TempDir(), "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.DialUnix("unix", nil, ln.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetDeadline(time.Now().Add(waitLimit))
	accepted, err = ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	return client, accepted
}

func TestShortSendToAUnixPeerConsumesOnlyWhatWasSent(t *testing.T) {
	client, accepted := unixPair(t)
	defer accepted.Close()
	accepted.SetWriteBuffer(4 << 10) // so that not all of it can go at once
	c := newServer(engine.Config{}.WithDefaults()).newConn(accepted, nil)
	sent := make([]byte, 64<<10)
	for i := range sent {
		sent[i] = byte(i / 251)
	}
	client.Write(sent)
	receive(t, c)
	if len(c.buf.Owed) != len(sent) {
		t.Fatalf("receive: got %d bytes, want %d", len(c.buf.Owed), len(sent))
	}
	accepted.SetDeadline(time.Now().Add(20 * time.Millisecond))
	n, err := 0, error(nil)
	for err == nil && len(c.buf.Owed) > 0 {
		var some int
		some, err = c.transport.send(c)
		n += some
		c.buf.Owed = c.buf.Owed[some:]
	}
	if n == 0 || n == len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("send to a peer that does not read: got %d bytes and %v, want some bytes and a deadline error", n, err)
	}
	if !bytes.Equal(c.buf.Owed, sent[n:]) {
		t.Errorf("owed after a short send: got %d bytes, want the %d that were not sent", len(c.buf.Owed), len(sent)-n)
	}
	accepted.SetDeadline(time.Now().Add(waitLimit))
	if receive(t, c); !bytes.Equal(c.buf.Owed, sent[n:]) {
		t.Errorf("unread after a short send: got %d bytes, want the %d that were not sent", len(c.buf.Owed), len(sent)-n)
	}
}

// interrupting is the network of package net on a kernel that interrupts recv(2) and
// send(2) 100 times in a row, again and again.
type interrupting struct {
	system
	kernel *interruptingKernel
}

func (n interrupting) Calls() sock.Calls { return sock.Calls{Kernel: n.kernel} }

type interruptingKernel struct {
	sys.Linux
	peeksOnly    bool // of the calls of recv(2), only those with MSG_PEEK are interrupted
	recvs, sends atomic.Int64
}

// interrupt counts a call and reports whether to interrupt it.
func interrupt(calls *atomic.Int64) bool { return calls.Add(1)%200 < 100 }

func (k *interruptingKernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	if (flags != 0 || !k.peeksOnly) && interrupt(&k.recvs) {
		return 0, syscall.EINTR
	}
	return k.Linux.Recv(fd, p, flags)
}

func (k *interruptingKernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	if interrupt(&k.sends) {
		return 0, syscall.EINTR
	}
	return k.Linux.Send(fd, p, flags)
}

// TestInterruptedCallsDelayNoBytes: the runtime's poller is edge-triggered, so bytes that
// have arrived must not be waited for again.
func TestInterruptedCallsDelayNoBytes(t *testing.T) {
	tests := []struct {
		name    string
		network string
		memory  int64
		// A Consume that is interrupted too often ends the stream, so it is left alone.
		consumes bool
	}{
		{"tcp", "tcp", 0, false},
		{"tcp without memory", "tcp", 1, true},
		{"tls", "tls", 0, false},
		{"unix", "unix", 0, true},
		{"unix without memory", "unix", 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kernel := &interruptingKernel{peeksOnly: tt.consumes}
			listener := engine.Listener{Spec: sock.Spec{Network: tt.network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}}
			switch tt.network {
			case "unix":
				listener.Spec = sock.Spec{Network: "unix", Path: filepath.Join(t.TempDir(), "s")}
			case "tls":
				listener.TLS = serverConfig(t)
			}
			s := serveWith(t, On(interrupting{kernel: kernel}), engine.Config{
				Listeners: []engine.Listener{listener},
				Budget:    engine.NewBudget(engine.Limits{MaxMemory: tt.memory}),
			})
			conn := dial(t, s)
			if tt.network == "tls" {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			}
			message := make([]byte, 2*readAhead) // so that a wire receives more than once
			for range 50 {
				roundTrip(t, conn, message, message)
			}
			if kernel.recvs.Load() < 100 {
				t.Errorf("got %d calls of recv, want at least 100", kernel.recvs.Load())
			}
		})
	}
}

func TestStreamTakesNoMemoryThatOthersWaitFor(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			budget := engine.NewBudget(engine.Limits{MaxMemory: engine.MinBuffer})
			s := serve(t, network, engine.Config{Buffer: engine.MinBuffer, Budget: budget})
			waiter := budget.Pool().Wait()
			defer waiter.Leave()
			conn := dial(t, s)
			roundTrip(t, conn, []byte("echo"), make([]byte, 4))
			if held, spare := budget.Memory(), budget.Pool().Spare(); held != 0 || spare != 0 {
				t.Errorf("while another one waits for memory: got %d bytes held and %d spare, want none", held, spare)
			}
		})
	}
}

func TestStalledReaderWithoutMemoryIsReset(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s := serve(t, network, engine.Config{
				StallTimeout: 100 * time.Millisecond,
				Budget:       engine.NewBudget(engine.Limits{MaxMemory: 1}),
			})
			conn := dial(t, s)
			go conn.Write(make([]byte, 64<<20)) // more than all buffers hold
			eventually(t, func() bool { return s.Stats().Closes[engine.Stalled] == 1 }, "the stream is counted as stalled")
		})
	}
}

// fullKernel is a kernel that receives this many bytes at once, and then has room for
// 5000 bytes and for no more.
type fullKernel struct {
	sys.Linux
	received int
	sent     atomic.Int64
}

func (k *fullKernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	if n, errno := k.Linux.Recv(fd, make([]byte, k.received), syscall.MSG_PEEK); errno != 0 || n < k.received {
		return 0, syscall.EAGAIN
	}
	return k.Linux.Recv(fd, p, flags)
}

func (k *fullKernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	room := min(5000-int(k.sent.Load()), len(p))
	if room == 0 {
		return 0, syscall.EAGAIN
	}
	k.sent.Add(int64(room))
	return k.Linux.Send(fd, p[:room], flags)
}

type full struct {
	system
	kernel *fullKernel
}

func (n full) Calls() sock.Calls { return sock.Calls{Kernel: n.kernel} }

// TestStalledReaderHoldsASmallBuffer: buffers are large, and a peer that does not read
// must not keep one for a few bytes.
func TestStalledReaderHoldsASmallBuffer(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for owed, want := range map[int]uint64{1: 4 << 10, 4 << 10: 4 << 10, 4<<10 + 1: 8 << 10, 64 << 10: 64 << 10, 64<<10 + 1: 256 << 10} {
			t.Run(fmt.Sprintf("%s, %d bytes", network, owed), func(t *testing.T) {
				listener := engine.Listener{Spec: sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}}
				if network == "unix" {
					listener.Spec = sock.Spec{Network: "unix", Path: filepath.Join(t.TempDir(), "s")}
				}
				s := serveWith(t, On(full{kernel: &fullKernel{received: 5000 + owed}}), engine.Config{Listeners: []engine.Listener{listener}, Buffer: 256 << 10})
				dial(t, s).Write(make([]byte, 5000+owed))
				eventually(t, func() bool {
					st := s.Stats()
					return st.BytesIn == uint64(5000+owed) && st.BytesOut == 5000 && st.Held == want
				}, fmt.Sprintf("%d bytes are held", want))
			})
		}
	}
}
