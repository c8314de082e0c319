package load

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// streamOf returns the stream of connection 3, which has sent one message of size bytes,
// and a copy of what it sent.
func streamOf(c *content, size int) (*stream, []byte) {
	f := &stream{content: c, verify: true, conn: 3, start: startOf(1, 3, 0)}
	f.add(0, 0, size)
	var sent []byte
	for f.unsent() {
		piece := f.next()
		sent = append(sent, piece...)
		f.wrote(len(piece))
	}
	return f, sent
}

func TestStreamReportsTheFirstWrongByte(t *testing.T) {
	c := newContent(1)
	_, sent := streamOf(c, 100)
	foreign := c.at(startOf(1, 4, 0), 100)
	text := func(p []byte) string { return excerpt(p) }
	tests := []struct {
		name   string
		got    []byte
		offset int64
		text   string // got, quoted; want is what was sent from offset on
	}{
		{"changed", slices.Concat(sent[:40], []byte{^sent[40]}, sent[41:]), 40, text(slices.Concat([]byte{^sent[40]}, sent[41:]))},
		{"changed at the start", slices.Concat([]byte{^sent[0]}, sent[1:]), 0, text(slices.Concat([]byte{^sent[0]}, sent[1:]))},
		{"changed at the end", slices.Concat(sent[:99], []byte{^sent[99]}), 99, text([]byte{^sent[99]})},
		{"missing", slices.Concat(sent[:40], sent[41:]), 40, text(sent[41:])},
		{"doubled", slices.Concat(sent[:41], sent[40:99]), 41, text(sent[40:])},
		{"shifted", sent[1:], 0, text(sent[1:])},
		{"another connection's", foreign, 0, text(foreign)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, cut := range []int{0, 7, 40, 41} { // where one read ends and another begins
				f, _ := streamOf(c, 100)
				cut = min(cut, int(tt.offset))
				if wrong := f.receive(tt.got[:cut]); wrong != nil {
					t.Fatalf("before the wrong byte: got %+v", wrong)
				}
				want := &Wrong{Conn: 3, Offset: tt.offset, Got: tt.text, Want: text(sent[tt.offset:])}
				if diff := cmp.Diff(want, f.receive(tt.got[cut:])); diff != "" {
					t.Errorf("cut at %d (-want +got):\n%s", cut, diff)
				}
			}
			f, _ := streamOf(c, 100)
			f.verify = false
			if wrong := f.receive(tt.got); wrong != nil {
				t.Errorf("not verified: got %+v, want nothing", wrong)
			}
		})
	}
}

func TestStreamRefusesMoreThanItSent(t *testing.T) {
	for _, verify := range []bool{true, false} {
		f, sent := streamOf(newContent(1), 10)
		f.verify = verify
		want := &Wrong{Conn: 3, Offset: 10, Got: `"xy"`, Want: "nothing: no more had been sent"}
		if diff := cmp.Diff(want, f.receive(slices.Concat(sent, []byte("xy")))); diff != "" {
			t.Errorf("verify %v (-want +got):\n%s", verify, diff)
		}
	}
}

// The bytes that were sent are compared first: a wrong byte among them is reported, not
// the surplus bytes.
func TestStreamComparesTheBytesBeforeTheSurplus(t *testing.T) {
	c := newContent(1)
	tests := []struct {
		name    string
		before  int // bytes that came back earlier
		changed int // the byte that is changed; -1: none
		offset  int64
	}{
		{"nothing is changed", 0, -1, 10},
		{"nothing is changed, in two parts", 4, -1, 10},
		{"the first byte", 0, 0, 0},
		{"the first byte of the second part", 4, 4, 4},
		{"the last byte", 4, 9, 9},
	}
	for _, tt := range tests {
		f, sent := streamOf(c, 10)
		if tt.changed >= 0 {
			sent[tt.changed] ^= 1
		}
		if wrong := f.receive(sent[:tt.before]); wrong != nil {
			t.Fatalf("%s: got %+v of the correct part", tt.name, wrong)
		}
		wrong := f.receive(slices.Concat(sent[tt.before:], []byte("xy")))
		if wrong == nil || wrong.Offset != tt.offset {
			t.Errorf("%s: got %+v, want offset %d", tt.name, wrong, tt.offset)
		}
	}
}

func TestExcerptMarksWhatItOmits(t *testing.T) {
	for text, want := range map[string]string{
		"": `""`, "0123456789abcdef": `"0123456789abcdef"`, "0123456789abcdefg": `"0123456789abcdef"…`,
	} {
		if got := excerpt([]byte(text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// A queue that is never empty needs no more memory than its items.
func TestQueueDoesNotGrowWithRemovedItems(t *testing.T) {
	for _, waiting := range []int{1, 100} {
		q := pending(waiting)
		for range 10_000 {
			q.push(message{})
			if _, ok := q.pop(); !ok || q.len() != waiting {
				t.Fatalf("%d items, want %d", q.len(), waiting)
			}
		}
		if cap(q.items) > 4*(waiting+1) {
			t.Errorf("%d items in a buffer for %d", waiting, cap(q.items))
		}
	}
}

// However a stream is cut, a message is answered exactly when its last byte is back.
func TestStreamAnswersInOrderHoweverItIsCut(t *testing.T) {
	c := newContent(1)
	rapid.Check(t, func(t *rapid.T) {
		f := &stream{content: c, verify: true, start: rapid.Uint64Range(0, period-1).Draw(t, "start")}
		var wire []byte
		var sizes, back []int
		var returned int
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				size := rapid.IntRange(1, 2000).Draw(t, "size")
				f.add(int64(len(sizes)), 0, size)
				sizes = append(sizes, size)
			case 1:
				piece := f.next()
				n := rapid.IntRange(0, len(piece)).Draw(t, "sent")
				wire = append(wire, piece[:n]...)
				f.wrote(n)
			case 2:
				n := rapid.IntRange(0, len(wire)).Draw(t, "back")
				if wrong := f.receive(wire[:n]); wrong != nil {
					t.Fatalf("an honest echo: got %+v", wrong)
				}
				wire, returned = wire[n:], returned+n
				for m, ok := f.answered(); ok; m, ok = f.answered() {
					if m.due != int64(len(back)) {
						t.Fatalf("got message %d, want %d", m.due, len(back))
					}
					back = append(back, m.size)
				}
			}
			if want := complete(sizes, returned); !slices.Equal(back, sizes[:want]) {
				t.Fatalf("%d bytes are back: got messages %v, want %v", returned, back, sizes[:want])
			}
			if got, want := f.pending.len(), len(sizes)-len(back); got != want {
				t.Fatalf("got %d pending, want %d", got, want)
			}
		}
	})
}

// complete returns how many of the messages of those sizes are in the first n bytes.
func complete(sizes []int, n int) int {
	for i, size := range sizes {
		if n -= size; n < 0 {
			return i
		}
	}
	return len(sizes)
}

func TestContentRepeatsOnlyAfterItsPeriod(t *testing.T) {
	c := newContent(7)
	if !bytes.Equal(c.at(5, 100), c.at(5+period, 100)) || bytes.Equal(c.at(5, 100), c.at(5+1<<20, 100)) {
		t.Error("the content does not repeat after its period, or does before")
	}
	if got := len(c.at(period-1, 1<<40)); got != window {
		t.Errorf("got a piece of %d bytes, want a window of %d", got, window)
	}
	if bytes.Equal(c.at(0, 100), newContent(8).at(0, 100)) {
		t.Error("got the same content of two seeds")
	}
}

// No buffer on the path is a whole number of periods.
func TestPeriodIsAPrime(t *testing.T) {
	if !big.NewInt(period).ProbablyPrime(20) {
		t.Errorf("%d is not a prime", period)
	}
}

func TestContentDiffersWhereItWasChanged(t *testing.T) {
	c := newContent(7)
	rapid.Check(t, func(t *rapid.T) {
		pos := rapid.Uint64Range(0, 3*period).Draw(t, "pos")
		var got []byte
		for size := rapid.IntRange(1, 2*window+9).Draw(t, "size"); len(got) < size; {
			got = append(got, c.at(pos+uint64(len(got)), int64(size-len(got)))...)
		}
		if i := c.differ(pos, got); i != -1 {
			t.Fatalf("unchanged: got %d, want -1", i)
		}
		at := rapid.IntRange(0, len(got)-1).Draw(t, "at")
		got[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if i := c.differ(pos, got); i != at {
			t.Fatalf("got %d, want %d", i, at)
		}
	})
}

func TestStreamsStartAtDifferentPositions(t *testing.T) {
	seen := map[uint64]string{}
	for conn := range 20 {
		for number := range 20 {
			at, name := startOf(1, conn, number), fmt.Sprintf("connection %d of slot %d", number, conn)
			if other := seen[at]; other != "" {
				t.Errorf("%s starts where %s does", name, other)
			}
			seen[at] = name
			if at >= period {
				t.Errorf("%s starts at %d, beyond the content", name, at)
			}
		}
	}
	if startOf(1, 0, 0) == startOf(2, 0, 0) {
		t.Error("two seeds start at one position")
	}
}
