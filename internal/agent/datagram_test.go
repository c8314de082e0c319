package agent

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// startWithUDP starts an agent that plays scenarios of datagrams, too.
func startWithUDP(t *testing.T, limits Limits) (*Client, *net.UDPConn) {
	t.Helper()
	conn := socketAt(t, "127.0.0.1")
	c, _ := start(t, &Server{UDP: conn, Limits: limits})
	return c, conn
}

// socketAt is a UDP socket that ends with the test.
func socketAt(t *testing.T, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(testTimeout))
	return conn
}

func startLate(t *testing.T, c *Client, delay int) *Acting {
	t.Helper()
	acting, err := c.Start(t.Context(), "datagram-late", "", Params{"delay": delay})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { acting.Close() })
	acting.SetDeadline(time.Now().Add(testTimeout))
	return acting
}

// bring sends key in a datagram of size bytes.
func bring(t *testing.T, from, to *net.UDPConn, key string, size int) {
	t.Helper()
	datagram := make([]byte, size)
	copy(datagram, key)
	if _, err := from.WriteTo(datagram, to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// wantHeard reads what the agent sends for one key: the copies, and before them
// nothing else.
func wantHeard(t *testing.T, socket *net.UDPConn, key string) {
	t.Helper()
	for i := range answers {
		buf := make([]byte, 2048)
		n, err := socket.Read(buf)
		if err != nil || string(buf[:n]) != key {
			t.Fatalf("datagram %d: got %q and %v, want %q", i, buf[:n], err, key)
		}
	}
}

func TestLateDatagramGoesToWhoBroughtTheKey(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	acting, socket := startLate(t, c, 20), socketAt(t, "127.0.0.1")
	bring(t, socket, server, acting.Key, DatagramSize)
	if err := acting.Arrived(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, acting, "", nil)
	wantHeard(t, socket, acting.Key)
	got, err := c.Report(t.Context(), acting.ID, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{ID: acting.ID, Scenario: "datagram-late", Received: DatagramSize, Sent: answers * keySize, End: Acted}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "SHA256", "EndMS", "TotalMS")); diff != "" {
		t.Errorf("report differs (-want +got):\n%s", diff)
	}
	if least := 20 + (answers-1)*answerGap.Milliseconds(); got.EndMS < least {
		t.Errorf("it was over after %d ms, want %d at least", got.EndMS, least)
	}
}

// TestAnswersAreNoLargerThanTheQuestion: not one byte more goes out than came in.
func TestAnswersAreNoLargerThanTheQuestion(t *testing.T) {
	_, come := newKeyReceiver(nil).newKey()
	if cap(come) != 1 {
		t.Errorf("a key is good for %d datagrams, want 1", cap(come))
	}
	if DatagramSize != 174 { // what docs/agent.md asks of clients
		t.Errorf("a datagram must have %d bytes, want 174", DatagramSize)
	}
	key, _ := newKeyReceiver(nil).newKey()
	for _, headers := range []int{20 + 8, 40 + 8} { // of IPv4 and IPv6, and UDP
		in, out := headers+DatagramSize, answers*(headers+len(key))
		if len(key) != keySize || out > in {
			t.Errorf("with headers of %d bytes: %d are sent for %d", headers, out, in)
		}
	}
}

// TestOnlyAKeyIsAnswered sends what is none, and then a key: who hears only the
// answers to that was answered nothing before, because datagrams are taken in
// the order in which they come.
func TestOnlyAKeyIsAnswered(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	used := startLate(t, c, 0)
	first := socketAt(t, "127.0.0.1")
	bring(t, first, server, used.Key, DatagramSize)
	wantHeard(t, first, used.Key)
	tests := []struct {
		name string
		send func(key string) (string, int)
	}{
		{"nothing", func(string) (string, int) { return "", 0 }},
		{"no key", func(string) (string, int) { return strings.Repeat("A", keySize), DatagramSize }},
		{"a key that was used", func(string) (string, int) { return used.Key, DatagramSize }},
		{"a part of a key", func(key string) (string, int) { return key[:keySize-1], DatagramSize }},
		{"a key that does not come first", func(key string) (string, int) { return " " + key, DatagramSize }},
		{"a datagram shorter than its answers", func(key string) (string, int) { return key, DatagramSize - 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			acting, socket := startLate(t, c, 0), socketAt(t, "127.0.0.1")
			text, size := tt.send(acting.Key)
			bring(t, socket, server, text, size)
			bring(t, socket, server, acting.Key, DatagramSize+1)
			wantHeard(t, socket, acting.Key)
			got, err := c.Report(t.Context(), acting.ID, testTimeout)
			if err != nil || got.Received != DatagramSize+1 {
				t.Errorf("the agent took %d bytes for the key, %v; want %d", got.Received, err, DatagramSize+1)
			}
		})
	}
}

func TestOtherSenderThanTheClientIsAnsweredNothing(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	acting := startLate(t, c, 0)
	bring(t, socketAt(t, "127.0.0.2"), server, acting.Key, DatagramSize)
	var refusal *Refusal
	if err := acting.Arrived(); !errors.As(err, &refusal) || refusal.Kind != badSource {
		t.Errorf("got %v, want a refusal of the source", err)
	}
	got, err := c.Report(t.Context(), acting.ID, testTimeout)
	if err != nil || got.End != Error || got.Sent != 0 {
		t.Errorf("got end %q, %d bytes sent, %v", got.End, got.Sent, err)
	}
}

func TestSenderMustBeTheClientAndNoService(t *testing.T) {
	tests := []struct {
		name                 string
		datagram, connection string
		ok                   bool
	}{
		{"the client", "192.0.2.1:40000", "192.0.2.1:50000", true},
		{"the client, on a socket of both families", "[::ffff:192.0.2.1]:40000", "192.0.2.1:50000", true},
		{"IPv6", "[fe80::1%7]:40000", "[fe80::1%eth0]:50000", true},
		{"another", "192.0.2.2:40000", "192.0.2.1:50000", false},
		{"the other family", "[2001:db8::1]:40000", "192.0.2.1:50000", false},
		{"the first port", "192.0.2.1:1024", "192.0.2.1:50000", true},
		{"a service's port", "192.0.2.1:1023", "192.0.2.1:50000", false},
		{"a low port on loopback", "127.0.0.1:1023", "127.0.0.1:50000", true},
		{"no port", "192.0.2.1:0", "192.0.2.1:50000", false},
		{"no port on loopback", "127.0.0.1:0", "127.0.0.1:50000", false},
	}
	for _, tt := range tests {
		refusal := checkSender(netip.MustParseAddrPort(tt.datagram), netip.MustParseAddrPort(tt.connection))
		if got := refusal == nil; got != tt.ok {
			t.Errorf("%s: got %v, want it answered: %t", tt.name, refusal, tt.ok)
		}
	}
}

func TestKeyThatNobodyBringsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t.Context(), request{}, script{})
		r.keys = newKeyReceiver(nil)
		r.key, r.arrivals = r.keys.newKey()
		if _, err := r.receiveKey(); err != errKey {
			t.Errorf("got %v, want %v", err, errKey)
		}
		if got := time.Since(r.start); got != keyLife {
			t.Errorf("it was good for %v, want %v", got, keyLife)
		}
		if r.keys.remove(r.key) != nil {
			t.Error("it is a key still")
		}
	})
}

func TestRunThatIsRefusedLeavesNoKey(t *testing.T) {
	server := &Server{UDP: socketAt(t, "127.0.0.1"), Limits: Limits{Runs: 1}}
	c, stop := start(t, server)
	acting := startLate(t, c, 0)
	if _, err := c.Start(t.Context(), "datagram-late", "", nil); err == nil {
		t.Fatal("the agent took more runs than it may")
	}
	acting.Close()
	stop()
	if got := len(server.keys.keys); got != 0 {
		t.Errorf("%d keys are left", got)
	}
}
