package sock

import (
	"testing"
	"time"
)

func TestATrainIsWithinTheLimitsOfTheKernel(t *testing.T) {
	on := Trains{Enabled: true}
	for size, want := range map[int]int{0: 1, 1: 64, 64: 64, 1023: 64, 1024: 63, 1472: 44, 32_743: 2, 32_744: 1, 65_507: 1} {
		if got := on.Most(0, size); got != want || max(size, 1)*got > 65_507 {
			t.Errorf("datagrams of %d bytes: got %d, want %d", size, got, want)
		}
	}
	off := Trains{}
	if got := off.Most(0, 64); got != 1 {
		t.Errorf("without support of the kernel: got %d, want 1", got)
	}
}

func TestASizeThatFailedIsTriedAgainAfterASecond(t *testing.T) {
	trains := Trains{Enabled: true}
	var now int64
	want := func(size int, train bool) {
		t.Helper()
		if got := trains.Most(now, size) > 1; got != train {
			t.Errorf("%v, %d bytes: got a train %t, want %t", time.Duration(now), size, got, train)
		}
	}
	trains.Failed(now, 1400)
	want(1400, false)
	want(1472, false)
	want(1399, true)
	now += int64(time.Second) / 2
	trains.Failed(now, 64) // a smaller one
	want(64, false)
	want(63, true)
	trains.Failed(now, 100) // was sent before the other failed
	want(64, false)
	now += int64(time.Second)
	want(1472, true)
	trains.Failed(now, 1400) // the smaller one is forgotten
	want(1400, false)
	want(1399, true)
}
