package drain

import (
	"testing"
	"time"
)

func TestTheFirstSignalDrainsAndTheSecondAborts(t *testing.T) {
	var d Drain
	if got := d.At(1 << 60); got != Serving {
		t.Errorf("without a signal: got %v, want %v", got, Serving)
	}
	if got := d.Signal(1000, time.Second); got != Draining {
		t.Errorf("after a signal: got %v, want %v", got, Draining)
	}
	if got := d.Signal(1001, time.Second); got != Aborting {
		t.Errorf("after a second one: got %v, want %v", got, Aborting)
	}
	if got := d.Signal(1002, time.Hour); got != Aborting {
		t.Errorf("after a third one: got %v, want %v", got, Aborting)
	}
}

func TestADrainAbortsAtItsDeadline(t *testing.T) {
	for _, timeout := range []time.Duration{0, 1, time.Second} {
		var d Drain
		const now = 5
		first := d.Signal(now, timeout)
		if want := timeout > 0; (first == Draining) != want {
			t.Errorf("timeout %v: got %v at once", timeout, first)
		}
		if timeout == 0 {
			continue
		}
		if got := d.Remaining(now); got != timeout {
			t.Errorf("time left: got %v, want %v", got, timeout)
		}
		if got := d.At(now + int64(timeout) - 1); got != Draining {
			t.Errorf("timeout %v: just before the deadline, got %v, want %v", timeout, got, Draining)
		}
		if got := d.At(now + int64(timeout)); got != Aborting {
			t.Errorf("timeout %v: got %v, want %v", timeout, got, Aborting)
		}
		if got := d.Remaining(now + 2*int64(timeout)); got != 0 {
			t.Errorf("time left after the end: got %v, want 0", got)
		}
	}
}

func TestStartHasNoDeadline(t *testing.T) {
	var d Drain
	if !d.Start() || d.Start() {
		t.Error("Start: want true once")
	}
	if got := d.At(1 << 60); got != Draining || d.Remaining(5) != 0 {
		t.Errorf("much later: got %v, %v left; want %v, 0", got, d.Remaining(5), Draining)
	}
}

func TestDoneMeansNothingIsLeft(t *testing.T) {
	tests := []struct {
		do                 func(*Drain)
		listeners, streams int
		want               bool
	}{
		{func(d *Drain) {}, 0, 0, false},
		{func(d *Drain) { d.Start() }, 0, 0, true},
		{func(d *Drain) { d.Start() }, 1, 0, false},
		{func(d *Drain) { d.Start() }, 0, 1, false},
		{func(d *Drain) { d.Abort() }, 0, 1, false},
		{func(d *Drain) { d.Abort() }, 0, 0, true},
	}
	for i, tt := range tests {
		var d Drain
		tt.do(&d)
		if got := d.Done(tt.listeners, tt.streams); got != tt.want {
			t.Errorf("case %d: got %t, want %t", i, got, tt.want)
		}
	}
}

// FuzzDrain checks that a phase never goes back, and that only the deadline and a second
// signal abort.
func FuzzDrain(f *testing.F) {
	f.Add([]byte{0, 10, 3, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var d Drain
		var now, end int64
		signals, last := 0, Serving
		for _, b := range script {
			switch b % 4 {
			case 0:
				if signals++; signals == 1 {
					end = now + int64(b)
				}
				d.Signal(now, time.Duration(b))
			case 1:
				now += int64(b)
			default:
				d.At(now)
			}
			got := d.At(now)
			if got < last {
				t.Fatalf("went back from %v to %v", last, got)
			}
			if want := signals > 1 || signals == 1 && now >= end && end > 0; (got == Aborting) != want && end > 0 {
				t.Fatalf("at %d, after %d signals, deadline %d: got %v", now, signals, end, got)
			}
			last = got
		}
	})
}
