package sock

import (
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

func msec(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// streams returns the two non-blocking ends of a unix stream.
func streams(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func write(t *testing.T, fd int, text string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func TestConsumeReadsWhatPeekLeavesUnread(t *testing.T) {
	here, there := streams(t)
	b := make([]byte, 16)
	if n, errno := (Calls{}).Peek(uintptr(here), b); n != 0 || errno != unix.EAGAIN {
		t.Errorf("nothing has arrived: got %d, %v; want EAGAIN", n, errno)
	}
	write(t, there, "hello")
	for range 2 {
		if n, errno := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "hello" || errno != 0 {
			t.Errorf("peek: got %q, %v; want hello", b[:n], errno)
		}
	}
	if errno := (Calls{}).Consume(uintptr(here), b[:2]); errno != 0 || string(b[:2]) != "he" {
		t.Errorf("consumed %q, %v; want he", b[:2], errno)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "llo" {
		t.Errorf("peek after that: got %q, want llo", b[:n])
	}
	if errno := (Calls{}).Consume(uintptr(here), b[:4]); errno != unix.EAGAIN {
		t.Errorf("consume more than there is: got %v, want EAGAIN", errno)
	}
	unix.Shutdown(there, unix.SHUT_WR)
	if n, errno := (Calls{}).Peek(uintptr(here), b); n != 0 || errno != 0 {
		t.Errorf("at the end: got %d, %v; want 0 and no error", n, errno)
	}
	if errno := (Calls{}).Consume(uintptr(here), b[:1]); errno != unix.ECONNRESET {
		t.Errorf("consume at the end of the stream: got %v, want ECONNRESET", errno)
	}
}

func TestEchoUnreadConsumesOnlyWhatItSent(t *testing.T) {
	here, there := streams(t)
	b := make([]byte, 16)
	if n, errno := (Calls{}).EchoUnread(uintptr(here), b); n != 0 || errno != unix.EAGAIN {
		t.Errorf("nothing has arrived: got %d, %v; want EAGAIN", n, errno)
	}
	write(t, there, "hello")
	if n, errno := (Calls{}).EchoUnread(uintptr(here), b[:4]); n != 4 || errno != 0 {
		t.Errorf("sent %d, %v; want 4", n, errno)
	}
	if n, err := unix.Read(there, b); string(b[:n]) != "hell" || err != nil {
		t.Errorf("the peer received: got %q, %v; want hell", b[:n], err)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "o" {
		t.Errorf("unread: got %q, want o", b[:n])
	}
	unix.Shutdown(there, unix.SHUT_RD)
	if n, errno := (Calls{}).EchoUnread(uintptr(here), b); n != 0 || errno != unix.EPIPE {
		t.Errorf("the peer does not read: got %d, %v; want EPIPE", n, errno)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "o" {
		t.Errorf("unread after that: got %q, want o", b[:n])
	}
}

// shortSends is a kernel that sends two bytes at most.
type shortSends struct{ sys.Linux }

func (k *shortSends) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	return k.Linux.Send(fd, p[:min(2, len(p))], flags)
}

func TestEchoUnreadLeavesUnreadWhatTheKernelDidNotTake(t *testing.T) {
	here, there := streams(t)
	b := make([]byte, 16)
	write(t, there, "hello")
	if n, errno := (Calls{Kernel: &shortSends{}}).EchoUnread(uintptr(here), b); n != 2 || errno != 0 {
		t.Errorf("sent %d, %v; want 2", n, errno)
	}
	if n, err := unix.Read(there, b); string(b[:n]) != "he" || err != nil {
		t.Errorf("the peer received: got %q, %v; want he", b[:n], err)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "llo" {
		t.Errorf("unread: got %q, want llo", b[:n])
	}
}

func TestSetOOBInlineSetsTheOption(t *testing.T) {
	raw, err := fileOf(t, "tcp4", "127.0.0.1:0").SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := (Calls{}).SetOOBInline(raw); err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE); got != 1 || err != nil {
			t.Errorf("SO_OOBINLINE: got %d, %v; want 1", got, err)
		}
	})
}

func TestSetOptionsSetsThoseOfTheListener(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := SetOptions(&sys.Linux{}, fd, Spec{Network: "tls"}, testOptions); err != nil {
		t.Fatal(err)
	}
	wantOptions(t, fd)
}

// busyPoll is a kernel whose poll is interrupted a few times and then fails.
type busyPoll struct {
	sys.Linux
	errnos []sys.Errno
}

func (k *busyPoll) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	if len(k.errnos) > 0 {
		errno := k.errnos[0]
		k.errnos = k.errnos[1:]
		return 0, errno
	}
	return k.Linux.Poll(fds, timeout)
}

func TestQueueLengthOfTCPIsExactAndOfUnixOnlyZeroOrUnknown(t *testing.T) {
	tests := []struct {
		network, address string
		want             [3]int // with no, one and two connections in the queue
	}{
		{"tcp", "127.0.0.1:0", [3]int{0, 1, 2}},
		{"unix", filepath.Join(t.TempDir(), "s"), [3]int{0, -1, -1}},
	}
	for _, tt := range tests {
		t.Run(tt.network, func(t *testing.T) {
			ln, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			for connections, want := range tt.want {
				got := Calls{}.AcceptQueue(ln.(syscall.Conn))
				for end := time.Now().Add(30 * time.Second); got != want && time.Now().Before(end); {
					runtime.Gosched() // the last packet of a handshake may be on its way
					got = Calls{}.AcceptQueue(ln.(syscall.Conn))
				}
				if got != want {
					t.Errorf("%d connections: got %d, want %d", connections, got, want)
				}
				conn, err := net.Dial(tt.network, ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
		})
	}
}

func TestQueueLengthOfAUnixSocketWhosePollFails(t *testing.T) {
	fd, s := mustListen(t, "unix://"+filepath.Join(t.TempDir(), "s"))
	defer s.Unlink()
	tests := []struct {
		name   string
		errnos []sys.Errno
		want   int
	}{
		{"fails", []sys.Errno{unix.ENOMEM}, -1},
		{"is interrupted", []sys.Errno{unix.EINTR}, 0},
		{"is interrupted four times", []sys.Errno{unix.EINTR, unix.EINTR, unix.EINTR, unix.EINTR}, -1},
	}
	for _, tt := range tests {
		if got := QueueLength(&busyPoll{errnos: tt.errnos}, fd); got != tt.want {
			t.Errorf("poll %s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

// acceptQueue is Calls.AcceptQueue on the real kernel.
func acceptQueue(c syscall.Conn) int { return Calls{}.AcceptQueue(c) }

// waitLimit bounds how long a test waits for what the kernel is about to do.
const waitLimit = 30 * time.Second

// waitFor calls is until it reports true.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen within %v", what, waitLimit)
		}
	}
}

// listenTCP returns a listener on the loopback.
func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// dialTCP returns a connection to ln that is not accepted yet.
func dialTCP(t *testing.T, ln *net.TCPListener) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestAcceptQueueCountsConnectionsNotYetAccepted(t *testing.T) {
	ln := listenTCP(t)
	if got := acceptQueue(ln); got != 0 {
		t.Errorf("no connection: got %d, want 0", got)
	}
	dialTCP(t, ln)
	dialTCP(t, ln)
	waitFor(t, "two connections are queued", func() bool { return acceptQueue(ln) == 2 })
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := acceptQueue(ln); got != 1 {
		t.Errorf("one of two is accepted: got %d, want 1", got)
	}
	ln.Close()
	if got := acceptQueue(ln); got >= 0 {
		t.Errorf("of a closed socket: got %d, want a negative number", got)
	}
}

// A reset that waits to be read stays for the read.
func TestSendQueueLeavesThePendingError(t *testing.T) {
	ln := listenTCP(t)
	client := dialTCP(t, ln)
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server := accepted.(*net.TCPConn)
	defer server.Close()
	if n, ok := (Calls{}).SendQueue(server); n != 0 || !ok {
		t.Errorf("got %d, %v, want an empty queue", n, ok)
	}
	client.SetLinger(0)
	client.Close()
	waitFor(t, "the reset", func() bool {
		raw, err := server.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		ready := false
		raw.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd)}}
			unix.Poll(fds, 0)
			ready = fds[0].Revents&unix.POLLERR != 0
		})
		return ready
	})
	(Calls{}).SendQueue(server)
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want ECONNRESET", err)
	}
}

func TestUndeliveredCountsBytesThatThePeerHasNotAcknowledged(t *testing.T) {
	ln := listenTCP(t)
	client := dialTCP(t, ln)
	server, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	undelivered := func() int {
		n, err := Calls{}.Undelivered(server)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := undelivered(); got != 0 {
		t.Errorf("nothing was sent: got %d, want 0", got)
	}
	server.Write([]byte("hello"))
	waitFor(t, "five bytes are acknowledged", func() bool { return undelivered() == 0 })
	server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // the client reads nothing
	sent, _ := server.Write(make([]byte, 64<<20))
	if got := undelivered(); got <= 0 || got > sent {
		t.Errorf("the window is full: got %d of %d bytes, want some", got, sent)
	}

	client.SetLinger(0)
	client.Close()
	waitFor(t, "the reset arrives", func() bool {
		_, err := Calls{}.Undelivered(server)
		return errors.Is(err, syscall.ECONNRESET)
	})
	server.Close()
	if n, err := (Calls{}).Undelivered(server); err == nil || n != 0 {
		t.Errorf("of a closed socket: got %d, %v; want an error", n, err)
	}
}

// interrupted is a kernel on which recv(2) and send(2) are interrupted n times before
// they are made.
type interrupted struct {
	sys.Linux
	n     int
	calls int
}

func (k *interrupted) interrupt() bool {
	k.calls++
	k.n--
	return k.n >= 0
}

func (k *interrupted) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	if k.interrupt() {
		return 0, unix.EINTR
	}
	return k.Linux.Recv(fd, p, flags)
}

func (k *interrupted) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	if k.interrupt() {
		return 0, unix.EINTR
	}
	return k.Linux.Send(fd, p, flags)
}

func TestInterruptedCallIsRepeatedABoundedNumberOfTimes(t *testing.T) {
	tests := []struct {
		interrupts int
		want       sys.Errno
		calls      int
	}{
		{0, 0, 1},
		{1, 0, 2},
		{maxInterrupts - 1, 0, maxInterrupts},
		{maxInterrupts, unix.EINTR, maxInterrupts},
		{1 << 30, unix.EINTR, maxInterrupts},
	}
	for _, tt := range tests {
		here, there := streams(t)
		b := make([]byte, 16)
		for name, call := range map[string]func(Calls) (int, syscall.Errno){
			"Recv": func(c Calls) (int, syscall.Errno) { return c.Recv(uintptr(here), b) },
			"Peek": func(c Calls) (int, syscall.Errno) { return c.Peek(uintptr(here), b) },
			"send": func(c Calls) (int, syscall.Errno) { return c.Send(uintptr(here), b[:5]) },
		} {
			write(t, there, "hello")
			k := &interrupted{n: tt.interrupts}
			n, errno := call(Calls{Kernel: k})
			if errno != tt.want || (errno == 0) != (n > 0) || k.calls != tt.calls {
				t.Errorf("%s, interrupted %d times: got %d bytes, %v after %d calls, want %v after %d",
					name, tt.interrupts, n, errno, k.calls, tt.want, tt.calls)
			}
		}
	}
}
