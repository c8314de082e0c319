package load

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// flight is the datagrams of a socket, and a copy of each that was sent, by number.
type flight struct {
	*datagrams
	sent [][]byte
}

var someContent = newContent(1)

func newFlight(n int) *flight {
	f := &flight{datagrams: &datagrams{content: someContent, verify: true, tag: 77, conn: 3}}
	for range n {
		f.send()
	}
	return f
}

// send sends the next datagram, which is due at its number times ten.
func (f *flight) send() {
	n := int64(len(f.sent))
	f.sent = append(f.sent, slices.Clone(f.add(make([]byte, 100), 10*n, 10*n+1, 40)))
}

func answerTo(n int64) arrival { return arrival{kind: arrivalAnswer, due: 10 * n, size: 40} }

func TestArrivingDatagramIsClassified(t *testing.T) {
	type figures = []arrival
	tests := []struct {
		name string
		do   func(f *flight) figures
		want figures
	}{
		{"in order", func(f *flight) figures {
			return figures{f.receive(f.sent[0]), f.receive(f.sent[1]), f.receive(f.sent[2])}
		}, figures{answerTo(0), answerTo(1), answerTo(2)}},
		{"overtaken", func(f *flight) figures {
			return figures{f.receive(f.sent[1]), f.receive(f.sent[0]), f.receive(f.sent[2])}
		}, figures{answerTo(1), {kind: arrivalAnswer, due: 0, size: 40, reordered: true}, answerTo(2)}},
		{"a duplicate at once", func(f *flight) figures {
			return figures{f.receive(f.sent[0]), f.receive(f.sent[0])}
		}, figures{answerTo(0), {kind: arrivalDuplicate}}},
		{"a duplicate while an earlier one is pending", func(f *flight) figures {
			return figures{f.receive(f.sent[1]), f.receive(f.sent[1])}
		}, figures{answerTo(1), {kind: arrivalDuplicate}}},
		{"late, after it has expired", func(f *flight) figures {
			f.expire(2)
			return figures{f.receive(f.sent[0]), f.receive(f.sent[1])}
		}, figures{{kind: arrivalLate}, answerTo(1)}},
		{"of another run", func(f *flight) figures {
			f.tag++
			return figures{f.receive(f.sent[0])}
		}, figures{{kind: arrivalForeign}}},
		{"of another run, the header alone", func(f *flight) figures {
			f.tag++
			return figures{f.receive(f.sent[0][:headerSize])}
		}, figures{{kind: arrivalForeign}}},
		{"the header alone", func(f *flight) figures {
			return figures{f.receive(f.add(make([]byte, headerSize), 30, 31, headerSize))}
		}, figures{{kind: arrivalAnswer, due: 30, size: headerSize}}},
		{"the correct one after a wrong copy", func(f *flight) figures {
			wrong := slices.Clone(f.sent[0])
			wrong[20] ^= 1
			f.receive(wrong)
			return figures{f.receive(f.sent[0])}
		}, figures{{kind: arrivalDuplicate}}},
	}
	for _, tt := range tests {
		got := tt.do(newFlight(3))
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(arrival{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestWrongDatagramIsReported(t *testing.T) {
	tests := []struct {
		name       string
		change     func(p []byte) []byte
		offset     int64
		want       string // Wrong.Want; "": what was sent from the offset on
		unverified bool   // wrong even if bytes are not compared
	}{
		{"a byte", func(p []byte) []byte { p[20] ^= 1; return p }, 20, "", false},
		{"the first byte of the content", func(p []byte) []byte { p[16] ^= 1; return p }, 16, "", false},
		{"the last byte", func(p []byte) []byte { p[39] ^= 1; return p }, 39, "", false},
		{"too short", func(p []byte) []byte { return p[:39] }, 39, "40 bytes", true},
		{"too long", func(p []byte) []byte { return append(p, 0) }, 40, "40 bytes", true},
		{"no header", func(p []byte) []byte { return p[:15] }, 0, "the datagram that was sent", false},
		{"another socket's", func(p []byte) []byte { p[7]++; return p }, 4, "this socket's number", false},
		{"not sent yet", func(p []byte) []byte { p[15] = 3; return p }, 8, "a number that had been sent", false},
	}
	for _, tt := range tests {
		for _, verify := range []bool{true, false} {
			f := newFlight(3)
			f.verify = verify
			got := f.receive(tt.change(slices.Clone(f.sent[1]))).wrong
			want := tt.want
			if want == "" {
				want = excerpt(f.sent[1][tt.offset:])
			}
			if !verify && !tt.unverified {
				if got != nil {
					t.Errorf("%s, not verified: got %+v, want nothing", tt.name, got)
				}
				continue
			}
			if got == nil || got.Conn != 3 || got.Offset != tt.offset || got.Want != want || got.Got == got.Want {
				t.Errorf("%s, verify %v: got %+v, want offset %d of connection 3, %s", tt.name, verify, got, tt.offset, want)
			}
		}
	}
}

func TestDatagramExpiresThatWasSentBeforeTheLimit(t *testing.T) {
	f := newFlight(1) // it was sent at 1
	if due, lost := f.expire(1); lost {
		t.Errorf("at the limit: got the one that was due at %d, want none", due)
	}
	if due, lost := f.expire(2); !lost || due != 0 {
		t.Errorf("after: got due %d, lost %t; want the one that was due at 0", due, lost)
	}
}

// An answer to a datagram that has expired is late; to one that was answered it is a
// duplicate. That is known for as many datagrams as are remembered.
func TestLateAnswerIsNotADuplicate(t *testing.T) {
	f := newFlight(int(remembered) + 1)
	givenUp := func(seq int) bool { return seq/64%2 == 1 || seq%7 == 0 }
	for seq, p := range f.sent {
		if givenUp(seq) {
			f.expire(f.pending[0].sent + 1)
		} else {
			f.receive(p)
		}
	}
	for seq, p := range f.sent {
		want := arrival{kind: arrivalLate}
		if !givenUp(seq) && seq > 0 { // the first is forgotten
			want.kind = arrivalDuplicate
		}
		if diff := cmp.Diff(want, f.receive(p), cmp.AllowUnexported(arrival{})); diff != "" {
			t.Errorf("datagram %d of %d (-want +got):\n%s", seq, len(f.sent), diff)
		}
	}
	f = newFlight(int(remembered) + 1)
	for _, p := range f.sent {
		f.receive(p)
	}
	for seq, want := range []bool{false, true, true} {
		if got := f.receive(f.sent[seq]); (got.kind == arrivalDuplicate) != want {
			t.Errorf("datagram %d of %d, all of which were answered: got %+v, want a duplicate: %t", seq, len(f.sent), got, want)
		}
	}
}

func TestContentOfNeighbouringDatagramsDiffers(t *testing.T) {
	seen := map[uint64]bool{}
	for conn := range 20 {
		f := &datagrams{conn: conn}
		for seq := range uint64(20) {
			begin := f.startOf(seq) % period
			if seen[begin] {
				t.Errorf("datagram %d of socket %d starts where another does", seq, conn)
			}
			seen[begin] = true
		}
	}
}

// Whatever the path does, each datagram is answered, corrupt or expired, once, and each arrival
// is one of the kinds.
func TestEveryDatagramIsAccountedForOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFlight(0)
		f.verify = rapid.Bool().Draw(t, "verify")
		ended := map[int]arrivalKind{} // late: it has expired
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				f.send()
			case 2, 3:
				if len(f.sent) == 0 {
					continue
				}
				n := rapid.IntRange(max(0, len(f.sent)-100), len(f.sent)-1).Draw(t, "arrives")
				p, changed := damaged(t, f.sent[n])
				want := arrivalAnswer
				before, over := ended[n]
				switch {
				case !sameHeader(p, f.sent[n]):
					want = arrivalForeign
				case over && before == arrivalLate:
					want = arrivalLate
				case over:
					want = arrivalDuplicate
				case len(p) != len(f.sent[n]) || changed && f.verify:
					want = arrivalCorrupt
				}
				a := f.receive(p)
				if a.kind != want || (a.kind == arrivalAnswer || a.kind == arrivalCorrupt) && a.due != int64(10*n) {
					t.Fatalf("datagram %d as %x, over %t: got %+v, want kind %d", n, p, over, a, want)
				}
				if (a.wrong != nil) != (want == arrivalCorrupt || want == arrivalForeign && f.verify && (len(p) < headerSize || f.tag == binary.BigEndian.Uint32(p))) {
					t.Fatalf("datagram %d as %x, kind %d: got wrong %+v", n, p, want, a.wrong)
				}
				if want == arrivalAnswer || want == arrivalCorrupt {
					ended[n] = want
				}
			case 4:
				then := int64(10 * rapid.IntRange(0, len(f.sent)).Draw(t, "until"))
				for due, ok := f.expire(then); ok; due, ok = f.expire(then) {
					n := int(due / 10)
					if _, over := ended[n]; over || due+1 >= then {
						t.Fatalf("datagram %d expired before %d: over %t", n, then, over)
					}
					ended[n] = arrivalLate
				}
			}
		}
		for due, ok := f.expire(never); ok; due, ok = f.expire(never) {
			ended[int(due/10)] = arrivalLate
		}
		if len(ended) != len(f.sent) || len(f.pending) != 0 || f.inFlight != 0 {
			t.Fatalf("got an outcome for %d of %d, %d pending, %d in flight", len(ended), len(f.sent), len(f.pending), f.inFlight)
		}
	})
}

// sameHeader reports whether p begins with the header of q.
func sameHeader(p, q []byte) bool { return bytes.HasPrefix(p, q[:headerSize]) }

// damaged returns a copy of a datagram as it may arrive, and whether its content is changed. Its
// header is another one, or none, if that is changed: numbers of the future and of other sockets.
func damaged(t *rapid.T, p []byte) (_ []byte, changed bool) {
	p = slices.Clone(p)
	switch rapid.IntRange(0, 9).Draw(t, "damage") {
	case 0:
		p[rapid.IntRange(headerSize, len(p)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		return p, true
	case 1:
		p[rapid.IntRange(0, 8).Draw(t, "byte of the header")] ^= 0x80
	case 2:
		return p[:rapid.IntRange(0, len(p)-1).Draw(t, "length")], true
	case 3:
		return append(p, make([]byte, rapid.IntRange(1, 100).Draw(t, "more"))...), true
	}
	return p, false
}

// A driver that allocates for each message measures the garbage collector.
func TestDatagramsInFlightAllocateNothing(t *testing.T) {
	for _, window := range []int{1, 2, 16, 33} {
		f := newFlight(window)
		buf, next := make([]byte, 100), int64(window)
		answers := make([][]byte, 0, window)
		for i := range window {
			answers = append(answers, f.sent[i])
		}
		round := func() {
			for i, answer := range answers {
				f.receive(answer)
				answers[i] = append(answer[:0], f.add(buf, next, next, 40)...)
				next++
			}
		}
		for range 10 {
			round() // until the buffers are large enough
		}
		if got := testing.AllocsPerRun(100, round); got > 0 {
			t.Errorf("window %d: got %g allocations a round, want none", window, got)
		}
		if len(f.pending) != window || cap(f.buffer) > 8*window+8 || f.inFlight != window {
			t.Errorf("window %d: got %d pending, %d in flight, in a buffer for %d", window, len(f.pending), f.inFlight, cap(f.buffer))
		}
	}
}
