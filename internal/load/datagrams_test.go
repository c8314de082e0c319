package load

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// flight is a flow of datagrams, and those that left, by number.
type flight struct {
	*datagramFlow
	left [][]byte
}

var flown = newContent(1)

func newFlight(n int) *flight {
	f := &flight{datagramFlow: &datagramFlow{content: flown, verify: true, run: 77, conn: 3}}
	for range n {
		f.leave()
	}
	return f
}

// leave sends the next datagram, which is due at its number times ten.
func (f *flight) leave() {
	n := int64(len(f.left))
	f.left = append(f.left, slices.Clone(f.push(make([]byte, 100), 10*n, 10*n+1, 40)))
}

func fresh(n int64) arrival { return arrival{due: 10 * n, size: 40, fresh: true} }

func TestDatagramsAreToldApart(t *testing.T) {
	type figures = []arrival
	tests := []struct {
		name string
		do   func(f *flight) figures
		want figures
	}{
		{"in order", func(f *flight) figures {
			return figures{f.received(f.left[0]), f.received(f.left[1]), f.received(f.left[2])}
		}, figures{fresh(0), fresh(1), fresh(2)}},
		{"overtaken", func(f *flight) figures {
			return figures{f.received(f.left[1]), f.received(f.left[0]), f.received(f.left[2])}
		}, figures{fresh(1), {due: 0, size: 40, fresh: true, reordered: true}, fresh(2)}},
		{"once more, at once", func(f *flight) figures {
			return figures{f.received(f.left[0]), f.received(f.left[0])}
		}, figures{fresh(0), {twice: true}}},
		{"once more, while an earlier one is under way", func(f *flight) figures {
			return figures{f.received(f.left[1]), f.received(f.left[1])}
		}, figures{fresh(1), {twice: true}}},
		{"late, after it was given up", func(f *flight) figures {
			f.expire(2)
			return figures{f.received(f.left[0]), f.received(f.left[1])}
		}, figures{{}, fresh(1)}},
		{"of another run", func(f *flight) figures {
			f.run++
			return figures{f.received(f.left[0])}
		}, figures{{stray: true}}},
		{"of another run, without content", func(f *flight) figures {
			f.run++
			return figures{f.received(f.left[0][:headerSize])}
		}, figures{{stray: true}}},
		{"without content", func(f *flight) figures {
			return figures{f.received(f.push(make([]byte, headerSize), 30, 31, headerSize))}
		}, figures{{due: 30, size: headerSize, fresh: true}}},
		{"the right one after a wrong copy", func(f *flight) figures {
			wrong := slices.Clone(f.left[0])
			wrong[20] ^= 1
			f.received(wrong)
			return figures{f.received(f.left[0])}
		}, figures{fresh(0)}},
	}
	for _, tt := range tests {
		got := tt.do(newFlight(3))
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(arrival{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestWrongDatagramsAreNamed(t *testing.T) {
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
			got := f.received(tt.change(slices.Clone(f.left[1]))).wrong
			want := tt.want
			if want == "" {
				want = excerpt(f.left[1][tt.offset:])
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

func TestDatagramIsGivenUpThatLeftBeforeThen(t *testing.T) {
	f := newFlight(1) // it left at 1
	if due, lost := f.expire(1); lost {
		t.Errorf("then: got the one that was due at %d, want none", due)
	}
	if due, lost := f.expire(2); !lost || due != 0 {
		t.Errorf("after: got due %d, lost %t; want the one that was due at 0", due, lost)
	}
}

// An answer to a datagram that was given up is late; to one that is back it is a
// duplicate. That is known of as many as are remembered.
func TestLateAnswersAreToldFromDuplicates(t *testing.T) {
	f := newFlight(int(seqs) + 1)
	givenUp := func(seq int) bool { return seq/64%2 == 1 || seq%7 == 0 }
	for seq, p := range f.left {
		if givenUp(seq) {
			f.expire(f.pending[0].left + 1)
		} else {
			f.received(p)
		}
	}
	for seq, p := range f.left {
		want := arrival{twice: !givenUp(seq) && seq > 0} // the first is forgotten
		if diff := cmp.Diff(want, f.received(p), cmp.AllowUnexported(arrival{})); diff != "" {
			t.Errorf("datagram %d of %d (-want +got):\n%s", seq, len(f.left), diff)
		}
	}
	f = newFlight(int(seqs) + 1)
	for _, p := range f.left {
		f.received(p)
	}
	for seq, want := range []bool{false, true, true} {
		if got := f.received(f.left[seq]); got.twice != want {
			t.Errorf("datagram %d of %d, all of which are back: got twice %t, want %t", seq, len(f.left), got.twice, want)
		}
	}
}

func TestContentOfNeighboursDiffers(t *testing.T) {
	seen := map[uint64]bool{}
	for conn := range 20 {
		f := &datagramFlow{conn: conn}
		for seq := range uint64(20) {
			begin := f.begin(seq) % period
			if seen[begin] {
				t.Errorf("datagram %d of socket %d begins where another does", seq, conn)
			}
			seen[begin] = true
		}
	}
}

// Whatever a path does, what left is back, lost or under way, and each only once.
func TestEveryDatagramIsAccountedForOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFlight(0)
		back, lost := map[int]bool{}, map[int]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				f.leave()
			case 2:
				if len(f.left) == 0 {
					continue
				}
				n := rapid.IntRange(max(0, len(f.left)-100), len(f.left)-1).Draw(t, "arrives")
				a := f.received(f.left[n])
				if a.wrong != nil || a.fresh != (!back[n] && !lost[n]) || a.twice != back[n] || a.fresh && a.due != int64(10*n) {
					t.Fatalf("datagram %d, back %v, lost %v: got %+v", n, back[n], lost[n], a)
				}
				if a.fresh {
					back[n] = true
				}
			case 3:
				then := int64(10 * rapid.IntRange(0, len(f.left)).Draw(t, "until"))
				for due, ok := f.expire(then); ok; due, ok = f.expire(then) {
					n := int(due / 10)
					if back[n] || lost[n] || due+1 >= then {
						t.Fatalf("datagram %d given up before %d: back %v, lost %v", n, then, back[n], lost[n])
					}
					lost[n] = true
				}
			}
		}
		for due, ok := f.expire(never); ok; due, ok = f.expire(never) {
			lost[int(due/10)] = true
		}
		if len(back)+len(lost) != len(f.left) || len(f.pending) != 0 {
			t.Fatalf("got %d back and %d lost of %d, %d under way", len(back), len(lost), len(f.left), len(f.pending))
		}
	})
}

// A driver that allocates for each message measures the collector.
func TestDatagramsUnderWayAllocateNothing(t *testing.T) {
	for _, window := range []int{1, 2, 16, 33} {
		f := newFlight(window)
		buf, next := make([]byte, 100), int64(window)
		answers := make([][]byte, 0, window)
		for i := range window {
			answers = append(answers, f.left[i])
		}
		turn := func() {
			for i, answer := range answers {
				f.received(answer)
				answers[i] = append(answer[:0], f.push(buf, next, next, 40)...)
				next++
			}
		}
		for range 10 {
			turn() // until there is room for all
		}
		if got := testing.AllocsPerRun(100, turn); got > 0 {
			t.Errorf("window %d: got %g allocations a turn, want none", window, got)
		}
		if len(f.pending) != window || cap(f.room) > 8*window+8 {
			t.Errorf("window %d: got %d under way in room for %d", window, len(f.pending), cap(f.room))
		}
	}
}
