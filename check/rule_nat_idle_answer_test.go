package check

import (
	"errors"
	"net"
	"testing"
	"time"

	"echod/internal/agent"
)

func TestNATIdleComparesTheSourceAndTheBytes(t *testing.T) {
	const key = "RZLGGY7JOZTWIXK4DVW54F6KFP"
	type datagram struct {
		fromAgent bool // or from another port of the same address
		text      string
	}
	for _, tt := range []struct {
		name    string
		arrive  []datagram
		arrived bool
		class   Class
	}{
		{"the answer", []datagram{{true, key}}, true, ""},
		{"nothing", nil, false, ""},
		{"the answer from another port", []datagram{{false, key}}, false, WrongSource},
		{"another answer, and the right one", []datagram{{true, "another key"}, {true, key}}, true, ""},
		{"another answer only", []datagram{{true, "another key"}}, false, Corrupt},
		{"a part of the answer", []datagram{{true, key[:20]}}, false, Truncated},
		{"something of another program", []datagram{{false, "220 ready"}}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sender := map[bool]*net.UDPConn{true: listenUDP(t), false: listenUDP(t)}
			p := &probe{ctx: t.Context()}
			socket, err := openUnconnected(p, sender[true].LocalAddr().(*net.UDPAddr).AddrPort(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			port := socket.LocalAddr().(*net.UDPAddr).Port
			for _, d := range tt.arrive {
				sender[d.fromAgent].WriteToUDP([]byte(d.text), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
			}
			s := &agentStream{p: p, run: &agent.Conn{Key: key}}
			arrived, err := s.keyArrives(socket, 100*time.Millisecond)
			f, _ := errors.AsType[*failure](err)
			if arrived != tt.arrived || (f == nil) != (tt.class == "") || f != nil && f.class != tt.class {
				t.Errorf("got %t and %v, want %t and the class %q", arrived, err, tt.arrived, tt.class)
			}
		})
	}
}

// listenUDP returns a socket on loopback, which is closed when the test ends.
func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
