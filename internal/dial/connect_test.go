//go:build !windows

package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/endpoint"
)

func call(errno syscall.Errno) error { return os.NewSyscallError("connect", errno) }

// fakeNet simulates the result of connects, by address. It records the connects with
// their times, and the connections that were closed.
type fakeNet struct {
	after  map[string]time.Duration // how long a connect takes
	fails  map[string]error         // nil: the connect succeeds
	answer map[string]error         // of a datagram socket: nil echoes, EOF never answers

	mu     sync.Mutex
	start  time.Time
	tried  []string
	closed []string
}

func (f *fakeNet) dial(ctx context.Context, address string) (net.Conn, error) {
	f.mu.Lock()
	f.tried = append(f.tried, address+" "+time.Since(f.start).String())
	f.mu.Unlock()
	select {
	case <-time.After(f.after[address]):
	case <-ctx.Done():
		if f.fails[address] == errIgnoresContext { // the connect succeeds nevertheless
			return &fakeConn{net: f, address: address}, nil
		}
		return nil, ctx.Err()
	}
	if err := f.fails[address]; err != nil && err != errIgnoresContext {
		return nil, err
	}
	return &fakeConn{net: f, address: address}, nil
}

var errIgnoresContext = errors.New("ignores its context")

// fakeConn is one connection of a fakeNet.
type fakeConn struct {
	net.Conn
	net      *fakeNet
	address  string
	request  []byte
	deadline time.Time
	sooner   chan struct{}
	once     sync.Once
}

func (c *fakeConn) Write(p []byte) (int, error) {
	c.request = append([]byte{}, p...)
	if err, known := c.net.answer["write "+c.address]; known {
		return 0, err
	}
	return len(p), nil
}

func (c *fakeConn) Read(p []byte) (int, error) {
	switch err := c.net.answer[c.address]; err {
	case nil:
		return copy(p, c.request), nil
	case io.EOF:
		select {
		case <-time.After(time.Until(c.deadline)):
		case <-c.sooner:
		}
		return 0, os.ErrDeadlineExceeded
	default:
		return 0, err
	}
}

func (c *fakeConn) SetReadDeadline(t time.Time) error {
	if c.sooner == nil {
		c.sooner = make(chan struct{})
		c.deadline = t
		return nil
	}
	c.once.Do(func() { close(c.sooner) })
	return nil
}

func (c *fakeConn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.closed = append(c.net.closed, c.address)
	return nil
}

func TestStreamUsesTheFirstAddressThatConnects(t *testing.T) {
	refused, unreachable := call(syscall.ECONNREFUSED), call(syscall.EHOSTUNREACH)
	const slow = time.Hour
	tests := []struct {
		name   string
		net    *fakeNet
		want   string // the address, or ""
		err    error
		tried  []string
		closed []string
	}{
		{"the first", &fakeNet{}, "a", nil, []string{"a 0s"}, nil},
		{"the second, where the first refuses", &fakeNet{fails: map[string]error{"a": refused}}, "b", nil, []string{"a 0s", "b 0s"}, nil},
		{"the third, where two refuse", &fakeNet{fails: map[string]error{"a": refused, "b": unreachable}, after: map[string]time.Duration{"b": time.Millisecond}},
			"c", nil, []string{"a 0s", "b 0s", "c 1ms"}, nil},
		{"the second, where the first is silent", &fakeNet{after: map[string]time.Duration{"a": slow}}, "b", nil, []string{"a 0s", "b 250ms"}, nil},
		{"the first that connects, where all are slow", &fakeNet{after: map[string]time.Duration{"a": slow, "b": 500 * time.Millisecond, "c": slow}},
			"b", nil, []string{"a 0s", "b 250ms", "c 500ms"}, nil},
		{"the first, if it connects within the delay", &fakeNet{after: map[string]time.Duration{"a": 249 * time.Millisecond}}, "a", nil, []string{"a 0s"}, nil},
		{"a second connection is closed", &fakeNet{after: map[string]time.Duration{"a": 260 * time.Millisecond, "b": 20 * time.Millisecond}, fails: map[string]error{"b": errIgnoresContext}},
			"a", nil, []string{"a 0s", "b 250ms"}, []string{"b"}},
		{"none", &fakeNet{fails: map[string]error{"a": unreachable, "b": refused, "c": unreachable}}, "", refused, []string{"a 0s", "b 0s", "c 0s"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.net.start = time.Now()
				conn, err := dialStream(t.Context(), []string{"a", "b", "c"}, tt.net.dial)
				synctest.Wait()
				got := ""
				if conn != nil {
					got = conn.(*fakeConn).address
				}
				if got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
				}
				if diff := cmp.Diff(tt.tried, tt.net.tried); diff != "" {
					t.Errorf("tried (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(tt.closed, tt.net.closed); diff != "" {
					t.Errorf("closed (-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestStreamEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{after: map[string]time.Duration{"a": time.Hour, "b": time.Hour}, start: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := dialStream(ctx, []string{"a", "b"}, f.dial); Classify(err) != Timeout || time.Since(f.start) != time.Second {
			t.Errorf("got %v after %v, want a timeout after 1s", err, time.Since(f.start))
		}
	})
}

func TestFirstErrorPrefersTheErrorOfARemoteHost(t *testing.T) {
	refused, unreachable, none, odd := call(syscall.ECONNREFUSED), call(syscall.ENETUNREACH), call(syscall.EADDRNOTAVAIL), call(syscall.EAFNOSUPPORT)
	tests := []struct {
		failed []error
		want   error
	}{
		{[]error{refused, unreachable}, refused},
		{[]error{unreachable, refused}, refused},
		{[]error{none, refused}, refused},
		{[]error{odd, refused}, refused},
		{[]error{none, unreachable}, none},
		{[]error{unreachable, none}, unreachable},
		{[]error{odd, unreachable}, odd},
		{nil, nil},
	}
	for _, tt := range tests {
		if got := firstError(tt.failed); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.failed, got, tt.want)
		}
	}
}

func TestDatagramsUseTheFirstAddressThatAnswers(t *testing.T) {
	refused, unreachable := call(syscall.ECONNREFUSED), call(syscall.EHOSTUNREACH)
	answers := func(a, b error) map[string]error { return map[string]error{"a": a, "b": b} }
	tests := []struct {
		name  string
		net   *fakeNet
		want  string
		err   error
		tried []string
	}{
		{"the first", &fakeNet{}, "a", nil, []string{"a 0s", "a 0s"}},
		{"the second, where the first refuses", &fakeNet{answer: answers(refused, nil)}, "b", nil, []string{"a 0s", "b 0s", "b 0s"}},
		{"the second, where the first refuses what is written", &fakeNet{answer: map[string]error{"write a": refused}}, "b", nil, []string{"a 0s", "b 0s", "b 0s"}},
		{"the second, where the first is unreachable", &fakeNet{answer: answers(unreachable, nil)}, "b", nil, []string{"a 0s", "b 0s", "b 0s"}},
		{"the second, where the first has no socket", &fakeNet{fails: map[string]error{"a": unreachable}}, "b", nil, []string{"a 0s", "b 0s", "b 0s"}},
		{"the second, where the first is silent", &fakeNet{answer: answers(io.EOF, nil)}, "b", nil, []string{"a 0s", "b 250ms", "b 250ms"}},
		{"the silent one, where the other refuses", &fakeNet{answer: answers(refused, io.EOF)}, "b", nil, []string{"a 0s", "b 0s", "b 250ms"}},
		{"the first, where the other refuses", &fakeNet{answer: answers(io.EOF, refused)}, "a", nil, []string{"a 0s", "b 250ms", "a 250ms"}},
		{"the first, where both are silent", &fakeNet{answer: answers(io.EOF, io.EOF)}, "a", nil, []string{"a 0s", "b 250ms", "a 500ms"}},
		{"the first, where both refuse", &fakeNet{answer: answers(refused, refused)}, "a", nil, []string{"a 0s", "b 0s", "a 0s"}},
		{"the one that refuses, where the other is unreachable", &fakeNet{answer: answers(unreachable, refused)}, "b", nil, []string{"a 0s", "b 0s", "b 0s"}},
		{"none", &fakeNet{answer: answers(unreachable, unreachable)}, "", unreachable, []string{"a 0s", "b 0s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.net.start = time.Now()
				conn, err := dialDatagrams(t.Context(), []string{"a", "b"}, tt.net.dial)
				got := ""
				if conn != nil {
					got = conn.(*fakeConn).address
					if conn.(*fakeConn).request != nil {
						t.Error("the socket sent the probe, want a new one")
					}
				}
				if got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
				}
				if diff := cmp.Diff(tt.tried, tt.net.tried); diff != "" {
					t.Errorf("tried (-want +got)\n%s", diff)
				}
				open := len(tt.net.tried) - len(tt.net.closed) - len(tt.net.fails)
				if want := map[bool]int{true: 0, false: 1}[tt.want == ""]; open != want {
					t.Errorf("%d sockets are open, want %d", open, want)
				}
			})
		})
	}
}

func TestEachProbeHasNewBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, seen := &fakeNet{}, map[string]bool{}
		for range 3 {
			conn := &fakeConn{net: f}
			if answered, err := probe(t.Context(), "a", func(context.Context, string) (net.Conn, error) { return conn, nil }); !answered || err != nil {
				t.Fatalf("got %v, %v; want an answer", answered, err)
			}
			seen[string(conn.request)] = true
			if len(conn.request) != 16 {
				t.Errorf("the probe has %d bytes, want 16", len(conn.request))
			}
		}
		if len(seen) != 3 {
			t.Errorf("got %d different probes, want 3", len(seen))
		}
	})
}

func TestDatagramsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{answer: map[string]error{"a": io.EOF, "b": io.EOF}, start: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := dialDatagrams(ctx, []string{"a", "b"}, f.dial); !errors.Is(err, context.DeadlineExceeded) || time.Since(f.start) != time.Millisecond {
			t.Errorf("got %v after %v, want the context's error after 1ms", err, time.Since(f.start))
		}
		if diff := cmp.Diff([]string{"a 0s"}, f.tried); diff != "" {
			t.Errorf("tried (-want +got)\n%s", diff)
		}
	})
}

func TestHasNameTellsNamesFromAddresses(t *testing.T) {
	via := func(context.Context) (net.Conn, error) { return nil, nil }
	tests := []struct {
		target Target
		want   bool
	}{
		{Target{Network: "tcp", Address: "localhost:7"}, true},
		{Target{Network: "udp", Address: "localhost:echo"}, true},
		{Target{Network: "tcp", Address: "127.0.0.1:7"}, false},
		{Target{Network: "tcp", Address: "[fe80::1%lo]:7"}, false},
		{Target{Network: "tcp", Address: ":7"}, false},
		{Target{Network: "tcp", Address: "localhost"}, false},
		{Target{Network: "tcp", Address: "localhost:no-such-service"}, false},
		{Target{Network: "unix", Address: "localhost:7"}, false},
		{Target{Network: "tcp", Address: "localhost:7", Via: via}, false},
	}
	for _, tt := range tests {
		if got := tt.target.HasName(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.target, got, tt.want)
		}
	}
}

// named returns a context in which every name has these addresses.
func named(ctx context.Context, err error, addrs ...string) context.Context {
	return endpoint.WithLookup(ctx, func(context.Context, string) (found []netip.Addr, _ error) {
		for _, addr := range addrs {
			found = append(found, netip.MustParseAddr(addr))
		}
		return found, err
	})
}

func TestANameIsDialledAtAddressesOfTheSourceFamily(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	target := Target{Network: "tcp", Address: "echo.example:" + port}
	for _, source := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		target.Source = netip.MustParseAddr(source)
		conn, err := target.Dial(named(t.Context(), nil, "::1", "127.0.0.1"))
		if err != nil {
			t.Fatalf("from %s: %v", source, err)
		}
		conn.Close()
		if got := conn.RemoteAddr().String(); got != ln.Addr().String() {
			t.Errorf("from %s: connected to %s, want %s", source, got, ln.Addr())
		}
	}
	target.Source = netip.MustParseAddr("127.0.0.1")
	_, err = target.Dial(named(t.Context(), nil, "::1"))
	const want = "dial tcp: address echo.example: no address has the family of the source address"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	target.Source = netip.MustParseAddr("::1")
	_, err = target.Dial(named(t.Context(), nil, "127.0.0.1"))
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnUnknownNameHasTheClassDNS(t *testing.T) {
	missing := &net.DNSError{Err: "no such host", Name: "echo.example", IsNotFound: true}
	_, err := Target{Network: "tls", Address: "echo.example:7"}.Dial(named(t.Context(), missing))
	if got, want := err.Error(), "dial tcp: lookup echo.example: no such host"; got != want || Classify(err) != DNS {
		t.Errorf("got %s (%s), want %s", got, Classify(err), want)
	}
}

// connect(2) of a datagram socket succeeds for every address, so Dial sends datagrams.
func TestDatagramsOfANameGoToAnAddressThatAnswers(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		b := make([]byte, 64)
		for n, from, err := server.ReadFrom(b); err == nil; n, from, err = server.ReadFrom(b) {
			server.WriteTo(b[:n], from)
		}
	}()
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	conn, err := Target{Network: "udp", Address: "echo.example:" + port}.Dial(named(t.Context(), nil, "127.0.0.2", "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, want := conn.RemoteAddr().String(), server.LocalAddr().String(); got != want {
		t.Errorf("connected to %s, which does not answer; want %s", got, want)
	}
}

func TestASingleAddressIsNotProbed(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	conn, err := Target{Network: "udp", Address: "echo.example:" + port}.Dial(named(t.Context(), nil, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("first"))
	b := make([]byte, 64)
	if n, _, err := server.ReadFrom(b); err != nil || string(b[:n]) != "first" {
		t.Errorf("got %q, %v; want the caller's datagram", b[:n], err)
	}
}
