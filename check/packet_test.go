package check

import (
	"net/netip"
	"testing"
	"time"
)

// fakeSocket records what is sent.
type fakeSocket struct{ to netip.AddrPort }

func (f fakeSocket) peer() netip.AddrPort                      { return f.to }
func (fakeSocket) send([]byte) error                           { return nil }
func (fakeSocket) receive([]byte) (int, netip.AddrPort, error) { panic("not called") }
func (fakeSocket) SetReadDeadline(time.Time) error             { return nil }
func (fakeSocket) Close() error                                { return nil }

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
	ok := func(_, _ []byte) []byte { return []byte("OK") }
	for _, tt := range []struct {
		name   string
		answer []answer
		from   netip.AddrPort
		back   int
		want   Class
	}{
		{"both", []answer{first, second}, server, 2, ""},
		{"in another order", []answer{second, first}, server, 2, ""},
		{"one of them twice", []answer{first, first}, server, 1, ""},
		{"from another port", []answer{first}, otherPort, 0, WrongSource},
		{"from another address", []answer{first}, stranger, 0, WrongSource},
		{"something else, from another address", []answer{ok}, stranger, 0, ""},
		{"something else", []answer{ok}, server, 0, Corrupt},
		{"shorter", []answer{shorter}, server, 0, Truncated},
		{"longer", []answer{longer}, server, 0, ExtraBytes},
		{"the last byte is changed", []answer{first, changed}, server, 1, Corrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &datagramProbe{p: &probe{rule: "x"}, size: 64, socket: fakeSocket{server}}
			d.send()
			d.send()
			one, two := d.sent[0].data, d.sent[1].data
			for _, a := range tt.answer {
				d.add(a(append([]byte(nil), one...), append([]byte(nil), two...)), tt.from)
			}
			var got Class
			if f, ok := d.err.(*failure); ok {
				got = f.class
			}
			if got != tt.want || d.back != tt.back {
				t.Errorf("got %d back, class %q; want %d, %q", d.back, got, tt.back, tt.want)
			}
		})
	}
}
