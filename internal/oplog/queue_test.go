package oplog

import (
	"slices"
	"testing"
)

func TestFullQueueDropsNewLinesAndCountsThem(t *testing.T) {
	q := newQueue(4, 100)
	push := func(text string) bool { return q.push([]byte(text)) }
	for _, text := range []string{"1", "2", "3", "4"} {
		if !push(text) {
			t.Fatalf("line %s is dropped, want it in the queue", text)
		}
	}
	for _, text := range []string{"5", "6"} {
		if push(text) {
			t.Fatalf("line %s is in the queue, want it dropped", text)
		}
	}
	q.pop()
	if push("7") {
		t.Error("line 7 is in the queue with one element free, want it dropped")
	}
	q.pop()
	if !push("8") {
		t.Error("line 8 is dropped with half of the queue free")
	}
	var got []line
	for l, ok := q.pop(); ok; l, ok = q.pop() {
		got = append(got, l)
	}
	equal := func(a, b line) bool { return string(a.text) == string(b.text) && a.dropped == b.dropped }
	if want := []line{{[]byte("3"), 0}, {[]byte("4"), 0}, {[]byte("8"), 3}}; !slices.EqualFunc(got, want, equal) {
		t.Errorf("got %v, want %v", got, want)
	}
	if q.bytes != 0 {
		t.Errorf("empty queue: got %d bytes, want 0", q.bytes)
	}
}

func TestQueueAcceptsLinesAgainWhenHalfOfItIsFree(t *testing.T) {
	tests := []struct {
		name   string
		queued []int // sizes of lines, which all fit
		popped int
		want   bool
	}{
		{"none is free", []int{50, 50}, 0, false},
		{"half is free", []int{50, 50}, 1, true},
		{"less than half is free", []int{30, 30, 30}, 1, false},
		{"more than half is free", []int{30, 30, 30}, 2, true},
		{"less than half is free, of long lines", []int{49, 51}, 1, false},
	}
	for _, tt := range tests {
		q := newQueue(1000, 100)
		for _, n := range tt.queued {
			if !q.push(make([]byte, n)) {
				t.Errorf("%s: a line that fits is dropped", tt.name)
			}
		}
		if q.push(make([]byte, 11)) {
			t.Errorf("%s: a line that does not fit is in the queue", tt.name)
		}
		for range tt.popped {
			q.pop()
		}
		if got := q.push(make([]byte, 1)); got != tt.want {
			t.Errorf("%s: next line: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	q := newQueue(1000, 100)
	for range 50 {
		q.push(make([]byte, 30))
	}
	if q.bytes != 90 || len(q.lines) != 3 || q.dropped != 47 {
		t.Errorf("got %d bytes in %d lines, %d dropped; want 90 in 3, 47", q.bytes, len(q.lines), q.dropped)
	}
	q.pop()
	q.pop()
	q.close()
	if q.push(nil) {
		t.Error("closed queue: got a line in the queue")
	}
	q.pop()
	if l, ok := q.pop(); !ok || l.text != nil || l.dropped != 48 {
		t.Errorf("after the last line: got %v, %v; want a count of 48", l, ok)
	}
	if l, ok := q.pop(); ok {
		t.Errorf("empty queue: got %v", l)
	}
}
