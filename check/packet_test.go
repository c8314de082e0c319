package check

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeSocket records what is sent.
type fakeSocket struct{ to netip.AddrPort }

func (f fakeSocket) peer() netip.AddrPort { return f.to }
func (fakeSocket) send([]byte) error      { return nil }
func (fakeSocket) receive([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}
func (fakeSocket) SetReadDeadline(time.Time) error { return nil }
func (fakeSocket) Close() error                    { return nil }

func TestEveryAnswerAndItsSourceAreCompared(t *testing.T) {
	var (
		server    = netip.MustParseAddrPort("192.0.2.1:7")
		otherPort = netip.MustParseAddrPort("192.0.2.1:8")
		stranger  = netip.MustParseAddrPort("192.0.2.2:7")
	)
	// answers refers to two datagrams that were sent.
	type answer func(first, second []byte) []byte
	first := func(first, _ []byte) []byte { return first }
	second := func(_, second []byte) []byte { return second }
	shorter := func(first, _ []byte) []byte { return first[:20] }
	longer := func(first, _ []byte) []byte { return append(first, 1) }
	changed := func(_, second []byte) []byte { second[63] ^= 1; return second }
	var neighbour []byte // what another socket sent
	other := func(_, _ []byte) []byte { return neighbour }
	otherShort := func(_, _ []byte) []byte { return neighbour[:64] }
	ok := func(_, _ []byte) []byte { return []byte("OK") }
	for _, tt := range []struct {
		name   string
		answer []answer
		from   netip.AddrPort
		back   int
		want   Class
		seen   Evidence
	}{
		{"both", []answer{first, second}, server, 2, "", ""},
		{"in another order", []answer{second, first}, server, 2, "", ""},
		{"one of them twice", []answer{first, first}, server, 1, "", ""},
		{"from another port", []answer{first}, otherPort, 0, WrongSource, ""},
		{"from another address", []answer{first}, stranger, 0, WrongSource, ""},
		{"something else, from another address", []answer{ok}, stranger, 0, "", ""},
		{"something else, from another port", []answer{ok}, otherPort, 0, "", ""},
		{"shorter, from another port", []answer{shorter}, otherPort, 0, WrongSource, ""},
		{"something else", []answer{ok}, server, 0, Corrupt, Changed},
		{"shorter", []answer{shorter}, server, 0, Truncated, ""},
		{"longer", []answer{longer}, server, 0, ExtraBytes, ""},
		{"the last byte is changed", []answer{first, changed}, server, 1, Corrupt, Changed},
		{"that of another socket", []answer{other}, server, 0, Corrupt, OtherConnection},
		{"that of another socket, shorter", []answer{otherShort}, server, 0, Corrupt, OtherConnection},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newDatagramSet(&probe{ctx: t.Context(), rule: "x", Options: Options{Timeout: time.Minute}}, nil)
			defer s.Close()
			d := s.addSocket(fakeSocket{server}, 64)
			n := s.addSocket(fakeSocket{server}, 100)
			n.send()
			neighbour = n.sent[0].data
			d.send()
			d.send()
			one, two := d.sent[0].data, d.sent[1].data
			for _, a := range tt.answer {
				d.add(arrival{data: a(bytes.Clone(one), bytes.Clone(two)), from: tt.from})
			}
			var got Class
			var seen Evidence
			if f, ok := d.err.(*failure); ok {
				got, seen = f.class, f.evidence
			}
			if got != tt.want || seen != tt.seen || d.back != tt.back {
				t.Errorf("got %d back, class %q, evidence %q; want %d, %q, %q", d.back, got, seen, tt.back, tt.want, tt.seen)
			}
		})
	}
}

// closingSocket records that it was closed.
type closingSocket struct {
	fakeSocket
	closed *atomic.Bool
}

func (c closingSocket) Close() error { c.closed.Store(true); return nil }

// A new socket that gets the port of a closed one would receive the answers to it.
func TestSocketsStayOpenWhileAnswersAreOnTheirWay(t *testing.T) {
	for _, back := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newDatagramSet(&probe{ctx: t.Context(), rule: "x", Options: Options{Timeout: 5 * time.Second}}, nil)
			closed := new(atomic.Bool)
			d := s.addSocket(closingSocket{fakeSocket{}, closed}, 64)
			d.send()
			time.Sleep(2 * time.Second)
			d.add(arrival{data: d.sent[0].data, at: time.Now()})
			if !back {
				d.send()
			}
			s.Close()
			if closed.Load() != back {
				t.Errorf("all back: %v: closed at once: %v", back, closed.Load())
			}
			time.Sleep(2 * time.Second) // a round trip
			synctest.Wait()
			if closed.Load() != back {
				t.Errorf("all back: %v: closed after 2 s: %v", back, closed.Load())
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if !closed.Load() {
				t.Errorf("all back: %v: not closed after 3 s", back)
			}
		})
	}
}
