package clock

import (
	"testing"
	"time"
)

func TestClockIsEvenWhenTheSystemIsSet(t *testing.T) {
	wall, elapsed := int64(1000), int64(0)
	c := newClock(1000, func() (int64, int64) { return wall, elapsed })
	want := func(wantAt int64, wantStepped time.Duration) {
		t.Helper()
		if at, stepped := c.Now(); at != wantAt || stepped != wantStepped {
			t.Errorf("got %d and a step of %v, want %d and %v", at, stepped, wantAt, wantStepped)
		}
	}
	want(1000, 0)
	wall, elapsed = 1500, 500
	want(1500, 0)
	wall = 1300 // set back
	want(1500, -200)
	wall, elapsed = 2500, 700 // set forward
	want(1700, 800)
}

func TestNewClockHasTheTimeOfTheSystem(t *testing.T) {
	before := time.Now().UnixNano()
	c := New()
	first, _ := c.Now()
	second, _ := c.Now()
	if first < before || second < first {
		t.Errorf("got %d and %d after %d, want them in this order", first, second, before)
	}
}
