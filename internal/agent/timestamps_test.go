package agent

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"echod/internal/dial"
)

// stampedSocket returns a socket of a Stamper of the agent.
func stampedSocket(t *testing.T, c *Client, server *net.UDPConn) (*Stamper, *stampedConn) {
	t.Helper()
	s := NewStamper(t.Context(), c, dial.Target{Network: "udp", Address: server.LocalAddr().String()})
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(testTimeout))
	return s, conn.(*stampedConn)
}

func write(t *testing.T, conn net.Conn, datagrams ...string) {
	t.Helper()
	for _, text := range datagrams {
		if n, err := conn.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("write: got %d, %v", n, err)
		}
	}
}

func TestAgentStampsDatagramsAndCountsThem(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	s, conn := stampedSocket(t, c, server)
	last := time.Now().UnixNano()
	for _, text := range []string{"one", "", "three"} {
		write(t, conn, text)
		buf := make([]byte, 100)
		n, got, err := conn.ReadStamps(buf)
		if err != nil || string(buf[:n]) != text {
			t.Fatalf("got %q, %v, want %q", buf[:n], err, text)
		}
		// The agent has the same clock, but has read it at another start.
		if slack := int64(time.Second); got.Received < last-slack || got.Answered < got.Received || got.Answered > time.Now().UnixNano()+slack {
			t.Errorf("got stamps %d and %d after %d", got.Received, got.Answered, last)
		}
		last = got.Received
	}
	conn.Close()
	want := StampCounts{Sent: 3, There: DatagramCounts{Arrived: 3}, Back: DatagramCounts{Arrived: 3}}
	if got := s.Counts(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	report, err := c.Report(t.Context(), conn.run.ID, testTimeout)
	if err != nil || report.End != FIN || report.Received != 3*StampSize+8 || report.Sent != report.Received {
		t.Errorf("got %+v, %v; want an end with a FIN, and as many bytes in both directions", report, err)
	}
}

// TestAnswerHasAsManyBytesAsTheDatagramAndComesOnce sends datagrams by hand. The agent handles
// them in order, so an answer to one that is wrong would come before the last answer.
func TestAnswerHasAsManyBytesAsTheDatagramAndComesOnce(t *testing.T) {
	c, server := startWithUDP(t, Limits{})
	_, conn := stampedSocket(t, c, server)
	datagram := func(seq uint64, kind byte, size int) []byte {
		p := append([]byte(conn.run.Key), bytes.Repeat([]byte{'x'}, size-keySize)...)
		stamp{seq: seq}.put(p, kind)
		return p
	}
	other := datagram(9, fromClient, 100)
	other[0] ^= 1
	newer := datagram(9, fromClient, 100)
	newer[versionAt]++
	for _, p := range [][]byte{
		datagram(2, fromClient, 200), datagram(2, fromClient, 200), // the same again
		datagram(1, fromClient, StampSize), // reordered
		datagram(9, fromAgent, 100), datagram(0, fromClient, 100), datagram(9, fromClient, 100)[:StampSize-1],
		other, newer, []byte("x"), nil,
		datagram(windowSize+2, fromClient, 300), datagram(2, fromClient, 200), // too old to be known
		datagram(windowSize+3, fromClient, 101),
	} {
		if _, err := conn.Conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for sum := 0; !slices.Contains(sizes, 101); sum++ {
		buf := make([]byte, 2000)
		n, err := conn.Conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	if want := []int{200, StampSize, 300, 101}; !slices.Equal(sizes, want) {
		t.Errorf("got answers of %d bytes, want %d", sizes, want)
	}
	conn.Close()
	report, err := c.Report(t.Context(), conn.run.ID, testTimeout)
	if want := (DatagramCounts{Arrived: 4, Duplicated: 2, Reordered: 1}); err != nil || report.Datagrams != want || report.Sent > report.Received {
		t.Errorf("got %+v, %v; want %+v", report, err, want)
	}
}

func TestLossIsCountedByDirectionAlsoWithoutAReport(t *testing.T) {
	for _, reported := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		c, server := startWithUDP(t, Limits{})
		_, conn := stampedSocket(t, c, server)
		conn.stamper.ctx = ctx
		write(t, conn, "1")
		conn.Read(nil)
		conn.sent++ // 2 is lost on the way there
		write(t, conn, "3")
		conn.Conn.Read(conn.in) // 3 is lost on the way back
		write(t, conn, "4")
		conn.Read(nil)
		conn.sent++ // 5 is lost on the way there
		if !reported {
			cancel()
		}
		conn.Close()
		got := conn.stamper.Counts()
		want := StampCounts{Sent: 5, LostThere: 2, LostBack: 1}
		if !reported {
			want.LostThere, want.LostUnknown = 1, 1
		}
		if got.Sent != want.Sent || got.LostThere != want.LostThere || got.LostBack != want.LostBack || got.LostUnknown != want.LostUnknown || (got.Err == nil) != reported {
			t.Errorf("with a report %t: got %+v, want %+v", reported, got, want)
		}
		cancel()
	}
}

// TestRefusedExchangeSaysWhy ends a run from the agent's side.
func TestRefusedExchangeSaysWhy(t *testing.T) {
	const size = StampSize + 8
	tests := []struct {
		name   string
		limits Limits
		from   string
		want   string
		end    End
	}{
		{"more bytes than the limit", Limits{Bytes: 2*size - 1}, "127.0.0.1", "the agent has ended the exchange: ", Limit},
		{"longer than the limit", Limits{Time: 100 * time.Millisecond}, "127.0.0.1", "the agent has ended the exchange: ", Limit},
		{"another address", Limits{}, "127.0.0.2", "the agent does not answer there: the datagram came from 127.0.0.2, the connection from 127.0.0.1", Error},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := startWithUDP(t, tt.limits)
			_, conn := stampedSocket(t, c, server)
			if tt.from != "127.0.0.1" {
				conn.Write(nil)
				socket := socketAt(t, tt.from)
				socket.WriteTo(conn.out, server.LocalAddr())
			} else {
				write(t, conn, "one byte", "or eight")
			}
			var err error
			for err == nil {
				_, _, err = conn.ReadStamps(make([]byte, 10))
			}
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if _, again := conn.Write(nil); again != err {
				t.Errorf("write: got %v, want %v", again, err)
			}
			report, err := c.Report(t.Context(), conn.run.ID, testTimeout)
			if err != nil || report.End != tt.end {
				t.Errorf("got %+v, %v; want the end %s", report, err, tt.end)
			}
		})
	}
}

func TestSocketIsSpentBeforeItsRunEnds(t *testing.T) {
	c, server := startWithUDP(t, Limits{Bytes: 10 * (StampSize + 28)})
	_, conn := stampedSocket(t, c, server)
	for i := range 9 {
		if conn.Spent() {
			t.Fatalf("got spent after %d of 10 datagrams", i)
		}
		write(t, conn, strings.Repeat("x", 28))
	}
	if !conn.Spent() {
		t.Error("got not spent after 9 of 10 datagrams")
	}
	_, conn = stampedSocket(t, c, server)
	if conn.spentAt = conn.spentAt.Add(-DefaultTime); !conn.Spent() {
		t.Error("got not spent although the run ends soon")
	}
}

func TestAgentWithoutStampsRefusesThem(t *testing.T) {
	c, _ := start(t, &Server{})
	_, err := NewStamper(t.Context(), c, dial.Target{Network: "udp", Address: "127.0.0.1:9"}).Dial(t.Context())
	var refusal *Refusal
	if !errors.As(err, &refusal) || err.Error() != "the agent is older: it does not know the scenario timestamps" {
		t.Errorf("got %v", err)
	}
}

// TestWindowAgreesWithASet compares a window with a set of all numbers.
func TestWindowAgreesWithASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var got, want DatagramCounts
		seen, highest := map[uint64]bool{}, uint64(0)
		step := rapid.OneOf(rapid.Uint64Range(1, 5), rapid.Uint64Range(1, 3*windowSize))
		for range rapid.IntRange(1, 50).Draw(t, "numbers") {
			n := step.Draw(t, "n")
			if rapid.Bool().Draw(t, "near") && highest > 0 {
				n = max(1, highest+5-min(step.Draw(t, "before"), highest+4))
			}
			isNew := !seen[n] && n+windowSize > highest
			if isNew {
				want.Arrived++
				if n < highest {
					want.Reordered++
				}
			} else {
				want.Duplicated++
			}
			seen[n], highest = true, max(highest, n)
			if w.add(n, &got) != isNew || got != want {
				t.Fatalf("%d: got %+v, want %+v", n, got, want)
			}
		}
	})
}

func FuzzParseStamp(f *testing.F) {
	valid := make([]byte, StampSize+3)
	stamp{seq: 7, received: 1, answered: 2, stepped: -3, count: 4}.put(valid, fromAgent)
	f.Add(valid)
	f.Add(valid[:StampSize-1])
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, kind := range []byte{fromClient, fromAgent} {
			key, s, err := parseStamp(p, kind)
			if err != nil {
				continue
			}
			again := append([]byte(key), make([]byte, len(p)-len(key))...)
			copy(again[StampSize:], p[StampSize:])
			if s.put(again, kind); !bytes.Equal(again, p) {
				t.Errorf("got % x, want % x", again, p)
			}
		}
	})
}
