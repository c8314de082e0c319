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

// startWithUDP starts an agent that also has the scenarios with datagrams.
func startWithUDP(t *testing.T, limits Limits) (*Client, *net.UDPConn) {
	t.Helper()
	conn := socketAt(t, "127.0.0.1")
	c, _ := start(t, &Server{UDP: conn, Limits: limits})
	return c, conn
}

// socketAt returns a UDP socket that is closed at the end of the test.
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

func startDatagramLate(t *testing.T, c *Client, delay int) *Conn {
	t.Helper()
	conn, err := c.Start(t.Context(), "datagram-late", "", Params{"delay": delay})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

// sendKey sends a datagram of size bytes that starts with key.
func sendKey(t *testing.T, from, to *net.UDPConn, key string, size int) {
	t.Helper()
	datagram := make([]byte, size)
	copy(datagram, key)
	if _, err := from.WriteTo(datagram, to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// wantAnswers reads the copies of key. No other datagram may come before them.
func wantAnswers(t *testing.T, socket *net.UDPConn, key string) {
	t.Helper()
	for i := range answers {
		buf := make([]byte, 2048)
		n, err := socket.Read(buf)
		if err != nil || string(buf[:n]) != key {
			t.Fatalf("datagram %d: got %q and %v, want %q", i, buf[:n], err, key)
		}
	}
}

func TestLateDatagramGoesToTheSourceOfTheKey(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	conn, socket := startDatagramLate(t, c, 20), socketAt(t, "127.0.0.1")
	sendKey(t, socket, server, conn.Key, DatagramSize)
	if err := conn.AwaitDatagram(); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn, "", nil)
	wantAnswers(t, socket, conn.Key)
	got, err := c.Report(t.Context(), conn.ID, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{ID: conn.ID, Scenario: "datagram-late", Received: DatagramSize, Sent: answers * keySize, End: Acted}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "SHA256", "EndMS", "TotalMS")); diff != "" {
		t.Errorf("report differs (-want +got):\n%s", diff)
	}
	if least := 20 + (answers-1)*answerGap.Milliseconds(); got.EndMS < least {
		t.Errorf("got the end after %d ms, want at least %d", got.EndMS, least)
	}
}

// TestAnswersAreNotLargerThanTheDatagram counts the headers too.
func TestAnswersAreNotLargerThanTheDatagram(t *testing.T) {
	_, arrivals := newKeyReceiver(nil).newKey()
	if cap(arrivals) != 1 {
		t.Errorf("got a key for %d datagrams, want 1", cap(arrivals))
	}
	if DatagramSize != 174 { // as in docs/agent.md
		t.Errorf("got %d bytes, want 174", DatagramSize)
	}
	key, _ := newKeyReceiver(nil).newKey()
	for _, headers := range []int{20 + 8, 40 + 8} { // of IPv4 and IPv6, and UDP
		in, out := headers+DatagramSize, answers*(headers+len(key))
		if len(key) != keySize || out > in {
			t.Errorf("headers of %d bytes: got %d bytes sent for %d received", headers, out, in)
		}
	}
}

// TestOnlyAValidKeyIsAnswered sends an invalid datagram and then a valid one. The agent
// processes datagrams in order, so an answer to the invalid one would come first.
func TestOnlyAValidKeyIsAnswered(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	used := startDatagramLate(t, c, 0)
	first := socketAt(t, "127.0.0.1")
	sendKey(t, first, server, used.Key, DatagramSize)
	wantAnswers(t, first, used.Key)
	tests := []struct {
		name string
		send func(key string) (string, int)
	}{
		{"an empty datagram", func(string) (string, int) { return "", 0 }},
		{"an unknown key", func(string) (string, int) { return strings.Repeat("A", keySize), DatagramSize }},
		{"a key that was used", func(string) (string, int) { return used.Key, DatagramSize }},
		{"a part of a key", func(key string) (string, int) { return key[:keySize-1], DatagramSize }},
		{"a key that does not come first", func(key string) (string, int) { return " " + key, DatagramSize }},
		{"a datagram shorter than its answers", func(key string) (string, int) { return key, DatagramSize - 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, socket := startDatagramLate(t, c, 0), socketAt(t, "127.0.0.1")
			text, size := tt.send(conn.Key)
			sendKey(t, socket, server, text, size)
			sendKey(t, socket, server, conn.Key, DatagramSize+1)
			wantAnswers(t, socket, conn.Key)
			got, err := c.Report(t.Context(), conn.ID, testTimeout)
			if err != nil || got.Received != DatagramSize+1 {
				t.Errorf("got %d bytes received, %v; want %d", got.Received, err, DatagramSize+1)
			}
		})
	}
}

func TestDatagramFromAnotherAddressIsNotAnswered(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	conn := startDatagramLate(t, c, 0)
	sendKey(t, socketAt(t, "127.0.0.2"), server, conn.Key, DatagramSize)
	var refusal *Refusal
	if err := conn.AwaitDatagram(); !errors.As(err, &refusal) || refusal.Kind != badSource {
		t.Errorf("got %v, want a refusal of the source", err)
	}
	got, err := c.Report(t.Context(), conn.ID, testTimeout)
	if err != nil || got.End != Error || got.Sent != 0 {
		t.Errorf("got end %q, %d bytes sent, %v", got.End, got.Sent, err)
	}
}

func TestSourceMustBeTheClientAndNotAService(t *testing.T) {
	tests := []struct {
		name                 string
		datagram, connection string
		ok                   bool
	}{
		{"the client", "192.0.2.1:40000", "192.0.2.1:50000", true},
		{"the client, on a socket of both families", "[::ffff:192.0.2.1]:40000", "192.0.2.1:50000", true},
		{"IPv6", "[fe80::1%7]:40000", "[fe80::1%eth0]:50000", true},
		{"another address", "192.0.2.2:40000", "192.0.2.1:50000", false},
		{"another family", "[2001:db8::1]:40000", "192.0.2.1:50000", false},
		{"the lowest port that is allowed", "192.0.2.1:1024", "192.0.2.1:50000", true},
		{"a low port", "192.0.2.1:1023", "192.0.2.1:50000", false},
		{"a low port on loopback", "127.0.0.1:1023", "127.0.0.1:50000", true},
		{"port 0", "192.0.2.1:0", "192.0.2.1:50000", false},
		{"port 0 on loopback", "127.0.0.1:0", "127.0.0.1:50000", false},
	}
	for _, tt := range tests {
		refusal := checkSource(netip.MustParseAddrPort(tt.datagram), netip.MustParseAddrPort(tt.connection))
		if got := refusal == nil; got != tt.ok {
			t.Errorf("%s: got %v, want ok %t", tt.name, refusal, tt.ok)
		}
	}
}

func TestUnusedKeyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t.Context(), request{}, script{})
		r.keys = newKeyReceiver(nil)
		r.key, r.arrivals = r.keys.newKey()
		if _, err := r.receiveKey(); err != errKey {
			t.Errorf("got %v, want %v", err, errKey)
		}
		if got := time.Since(r.start); got != keyTimeout {
			t.Errorf("got a key that is valid for %v, want %v", got, keyTimeout)
		}
		if r.keys.remove(r.key) != nil {
			t.Error("the key is still valid")
		}
	})
}

func TestRefusedRunLeavesNoKey(t *testing.T) {
	server := &Server{UDP: socketAt(t, "127.0.0.1"), Limits: Limits{Runs: 1}}
	c, stop := start(t, server)
	conn := startDatagramLate(t, c, 0)
	if _, err := c.Start(t.Context(), "datagram-late", "", nil); err == nil {
		t.Fatal("got a second run, want a refusal")
	}
	conn.Close()
	stop()
	if got := len(server.keys.keys); got != 0 {
		t.Errorf("got %d keys left, want none", got)
	}
}
