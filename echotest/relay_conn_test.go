package echotest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fatalTest records that it was ended with an error.
type fatalTest struct {
	testing.TB
	failed bool
}

func (f *fatalTest) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

func TestRelayRefusesAnActionThatAnEventDoesNotHave(t *testing.T) {
	tcp, udp := NewServer(t).URL(), NewUDPServer(t).URL()
	for _, tt := range []struct {
		upstream string
		fault    PathFault
	}{
		{tcp, PathFault{Do: Duplicate}},
		{tcp, PathFault{On: OnReset, Do: Drop}},
		{tcp, PathFault{On: OnIdle, Do: SendBanner}},
		{udp, PathFault{Do: Reset}},
		{udp, PathFault{On: OnFIN, Do: Drop}},
		{"unix:///run/echo.sock", PathFault{}},
	} {
		f := &fatalTest{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			NewRelay(f, pathWith(tt.fault), tt.upstream)
		}()
		if <-done; !f.failed {
			t.Errorf("%s, %+v: was accepted", tt.upstream, tt.fault)
		}
	}
}

// limit is how long a test waits for what must come.
const limit = 20 * time.Second

// dialRelay connects to a server through a relay. The connect itself fails if the relay
// resets it soon: then the calls of the connection fail with EINVAL.
func dialRelay(t *testing.T, relay *Server) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", relay.Addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return new(net.TCPConn)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(limit))
	return c.(*net.TCPConn)
}

// talk sends hello, and returns what comes back and how it ends.
func talk(c *net.TCPConn) string {
	io.WriteString(c, "hello")
	c.CloseWrite()
	answer, err := io.ReadAll(c)
	switch {
	case err == nil:
		return string(answer) + " FIN"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EINVAL):
		return "reset"
	}
	return err.Error()
}

// served reports whether hello comes back, and leaves the connection open.
func served(c *net.TCPConn) bool {
	io.WriteString(c, "hello")
	got := make([]byte, 5)
	_, err := io.ReadFull(c, got)
	return err == nil && string(got) == "hello"
}

func TestRelayDoesToStreamsWhatTheFaultSays(t *testing.T) {
	server := NewServer(t)
	for _, tt := range []struct {
		name string
		path Path
		want string
	}{
		{"honest", Path{}, "hello FIN"},
		{"slow", Path{ToServer: Way{Rate: 1000, Delay: time.Millisecond}, ToClient: Way{Rate: 1000, Window: 1}}, "hello FIN"},
		{"drop", pathWith(PathFault{Direction: ToServer, Do: Drop}), " FIN"},
		{"change a byte", pathWith(PathFault{Direction: ToClient, Do: ChangeByte}), "he9lo FIN"},
		{"answer OK", pathWith(PathFault{Direction: ToClient, Do: AnswerOK}), "OK FIN"},
		{"hold", pathWith(PathFault{MaxSize: 5, Do: Delay, After: time.Millisecond}), "hello FIN"},
		{"close", pathWith(PathFault{Direction: ToClient, Do: Close}), " FIN"},
		{"reset", pathWith(PathFault{Direction: ToClient, Do: Reset}), "reset"},
		{"reset at an offset", pathWith(PathFault{Offset: 4, Do: Reset}), "reset"},
		{"reset after a time", pathWith(PathFault{On: OnConnect, After: time.Millisecond, Do: Reset}, PathFault{On: OnFIN, Do: Drop}), "reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := talk(dialRelay(t, NewRelay(t, tt.path, server.URL()))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRelayResetsEveryThirdConnection(t *testing.T) {
	relay := NewRelay(t, pathWith(PathFault{Conns: EveryNth(3), Do: Reset}), NewServer(t).URL())
	var got []string
	for range 6 {
		got = append(got, talk(dialRelay(t, relay)))
	}
	if want := []string{"hello FIN", "hello FIN", "reset", "hello FIN", "hello FIN", "reset"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRelayThatHangsSendsNothingUntilItIsClosed(t *testing.T) {
	for name, fault := range map[string]PathFault{
		"on data":      {Conns: Nth(1), Do: Hang},
		"on a FIN":     {Conns: Nth(1), On: OnFIN, Direction: ToServer, Do: Hang},
		"on a connect": {Conns: Nth(1), On: OnConnect, Do: Hang},
	} {
		t.Run(name, func(t *testing.T) {
			relay := NewRelay(t, pathWith(fault), NewServer(t).URL())
			hung, other := dialRelay(t, relay), dialRelay(t, relay)
			ended := make(chan struct{})
			go func() {
				talk(hung)
				close(ended)
			}()
			if got := talk(other); got != "hello FIN" {
				t.Errorf("another connection: got %q", got)
			}
			select {
			case <-ended:
				t.Error("the connection has ended")
			default:
			}
			relay.Close()
			<-ended
		})
	}
}

func TestRelaySendsABanner(t *testing.T) {
	relay := NewRelay(t, pathWith(PathFault{On: OnConnect, After: 10 * time.Millisecond, Do: SendBanner}), NewServer(t).URL())
	c := dialRelay(t, relay)
	banner := make([]byte, 16)
	if _, err := io.ReadFull(c, banner); err != nil || string(banner) != "220 echo ready\r\n" {
		t.Errorf("got %q, %v", banner, err)
	}
	if got := talk(c); got != "hello FIN" {
		t.Errorf("after the banner: got %q", got)
	}
}

func TestRelayGreetsOnlySilentClients(t *testing.T) {
	relay := NewRelay(t, pathWith(PathFault{On: OnConnect, After: 100 * time.Millisecond, Silent: true, Do: SendBanner}), NewServer(t).URL())
	for _, tt := range []struct {
		speak func(c *net.TCPConn)
		want  string
	}{
		{func(c *net.TCPConn) { io.WriteString(c, "hello") }, "hello"},
		{func(c *net.TCPConn) { c.CloseWrite() }, ""},
	} {
		c := dialRelay(t, relay)
		tt.speak(c)
		silent := dialRelay(t, relay) // its banner comes when the time of c is over
		if _, err := io.ReadFull(silent, make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || string(got) != tt.want {
			t.Errorf("got %q, %v, want %q", got, err, tt.want)
		}
	}
}

// awaitServed connects until a connection is served, and returns it.
func awaitServed(t *testing.T, relay *Server) *net.TCPConn {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if c := dialRelay(t, relay); served(c) {
			return c
		}
	}
	t.Fatal("no connection is served any more")
	return nil
}

func TestRelayLimitsConnections(t *testing.T) {
	relay := NewRelay(t, Path{MaxConns: 2}, NewServer(t).URL())
	first, second := dialRelay(t, relay), dialRelay(t, relay)
	if !served(first) || !served(second) || served(dialRelay(t, relay)) {
		t.Fatal("want two connections served, and the third one reset")
	}
	first.Close()
	awaitServed(t, relay)
	if served(dialRelay(t, relay)) {
		t.Error("one more is served")
	}
	second.SetLinger(0)
	second.Close()
	awaitServed(t, relay)
}

func TestRelayLeavesConnectionsInTheBacklog(t *testing.T) {
	relay := NewRelay(t, Path{MaxConns: 2, Queues: true}, NewServer(t).URL())
	first, second, third := dialRelay(t, relay), dialRelay(t, relay), dialRelay(t, relay)
	answered := make(chan bool, 1)
	go func() { answered <- served(third) }()
	if !served(first) || !served(second) || !served(first) {
		t.Fatal("want two connections served")
	}
	select {
	case <-answered:
		t.Error("the third connection did not wait")
	default:
	}
	first.Close()
	if !<-answered {
		t.Error("the third connection is not served after the first one has ended")
	}
}

func TestRelayLeaksSlotsOnReset(t *testing.T) {
	relay := NewRelay(t, Path{MaxConns: 2, LeaksOnReset: true}, NewServer(t).URL())
	aborted := dialRelay(t, relay)
	if !served(aborted) {
		t.Fatal("the first connection is not served")
	}
	aborted.SetLinger(0)
	aborted.Close()
	for range 3 { // a connection that ends with a FIN frees its slot
		c := awaitServed(t, relay)
		if served(dialRelay(t, relay)) {
			t.Error("two connections are served, want one: the other slot has leaked")
		}
		c.Close()
	}
}

// TestResetReachesAClientThatDoesNotRead: the bytes before the reset wait for a client
// that does not read, and the reset must not wait with them.
func TestResetReachesAClientThatDoesNotRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	relay := NewRelay(t, Path{ToClient: Way{Window: 64 << 20}, MaxConns: 1, Queues: true}, "tcp://"+l.Addr().String())
	server := make(chan *net.TCPConn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			server <- c.(*net.TCPConn)
		}
	}()
	(<-server).Close() // NewRelay has asked whether the port is open

	dialRelay(t, relay) // does not read
	first := <-server
	first.Write(make([]byte, 48<<20)) // more than the buffers of the client hold
	first.SetLinger(0)
	first.Close()
	dialRelay(t, relay) // in the backlog until the first connection has ended
	select {
	case second := <-server:
		second.Close()
	case <-time.After(limit):
		t.Error("the relay still has the connection that was reset")
	}
}

func TestRelayDoesToDatagramsWhatTheFaultSays(t *testing.T) {
	server := NewUDPServer(t)
	for _, tt := range []struct {
		name  string
		fault PathFault
		sizes []int
		want  string
	}{
		{"honest", PathFault{Conns: Nth(9)}, []int{0, 1, 65507}, "0 1 65507"},
		{"a hole", PathFault{MinSize: 1473, MaxSize: 1475, Do: Drop}, []int{1472, 1473, 1474, 1475, 1476}, "1472 1476"},
		{"duplicates", PathFault{Direction: ToClient, Chunks: EveryNth(2), Do: Duplicate}, []int{1, 2, 3, 4}, "1 2 2 3 4 4"},
		{"reorders", PathFault{Direction: ToClient, Chunks: EveryNth(2), Do: Reorder}, []int{1, 2, 3, 4, 5}, "1 3 2 5 4"},
		{"answers OK", PathFault{Direction: ToClient, Do: AnswerOK}, []int{10}, "2"},
		{"hangs", PathFault{Direction: ToClient, Chunks: Nth(2), Do: Hang}, []int{1, 2, 3}, "1"},
		{"another port", PathFault{Direction: ToClient, MinSize: 1473, Do: FromAnotherPort}, []int{1472, 1473}, "1472 1473(other)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			relay := NewRelay(t, pathWith(tt.fault), server.URL())
			to := netip.MustParseAddrPort(relay.Addr())
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(limit))
			for _, size := range tt.sizes {
				c.WriteToUDPAddrPort(make([]byte, size), to)
			}
			var got []string
			buf := make([]byte, 64<<10)
			for range strings.Fields(tt.want) {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil {
					t.Fatal(err)
				}
				note := ""
				if from != to {
					note = "(other)"
				}
				got = append(got, fmt.Sprint(n, note))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestClosedRelayLeavesNoGoroutines closes relays whose connections are in every state.
func TestClosedRelayLeavesNoGoroutines(t *testing.T) {
	server := NewServer(t)
	for _, path := range []Path{
		{},
		{ToServer: Way{Delay: time.Hour}},
		{ToServer: Way{Rate: 1}},
		{ToServer: Way{StoresUntilFIN: true}},
		{MaxConns: 1},
		{MaxConns: 1, Queues: true},
		pathWith(PathFault{Do: Hang}),
		pathWith(PathFault{Do: Delay, After: time.Hour}),
		pathWith(PathFault{On: OnFIN, After: time.Hour, Do: Close}),
		pathWith(PathFault{On: OnIdle, After: time.Hour, Do: Close}),
		pathWith(PathFault{On: OnConnect, After: time.Hour, Do: SendBanner}),
	} {
		relay := NewRelay(t, path, server.URL())
		for range 3 {
			c := dialRelay(t, relay)
			io.WriteString(c, "hello")
			c.CloseWrite()
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			io.ReadAll(c)
		}
		relay.Close()
	}
	datagrams := NewRelay(t, Path{ToClient: Way{Delay: time.Hour}}, NewUDPServer(t).URL())
	c, err := net.Dial("udp", datagrams.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("hello"))
	datagrams.Close()

	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, of := range []string{"(*relay)", "(*link)", "(*pipe)", "(*nat)"} {
		if i := strings.Index(string(stacks), "echod/echotest."+of); i >= 0 {
			t.Errorf("a goroutine is left:\n%.1000s", stacks[max(0, i-300):])
		}
	}
}
