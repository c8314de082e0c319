package check

import (
	"math"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneInIsTheSmallestShareThatIsMetNearlyAlways(t *testing.T) {
	missed := func(n, k int) float64 { return math.Pow(1-1/float64(k), float64(n)) }
	for n := 1; n <= 1000; n++ {
		k := oneIn(n)
		if k > 1 && missed(n, k) > 1-metWith || missed(n, k+1) <= 1-metWith {
			t.Errorf("%d connections: got 1 in %d, of which all miss the bad ones with %.3f", n, k, missed(n, k))
		}
	}
}

func TestAfterARefusalManyConnectionsAreMadeOneAfterAnother(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []sample
		want   int // at the same time
	}{
		{"first run", nil, samples},
		{"after a timeout", []sample{{err: failAt(0, Timeout, "late")}}, samples},
		{"after a reset", []sample{{}, {err: failAt(0, Reset, "refused")}}, 1},
		{"after a refusal", []sample{{err: syscall.ECONNREFUSED}}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			now, most := 0, 0
			count := func(d int) {
				mu.Lock()
				defer mu.Unlock()
				now += d
				most = max(most, now)
			}
			all := (&probe{ctx: t.Context()}).runMany(Rule{many: true, run: func(*probe) error {
				count(1)
				defer count(-1)
				time.Sleep(time.Millisecond)
				return nil
			}}, tt.before)
			if most != tt.want || len(all) != mostMany {
				t.Errorf("%s: got %d at the same time and %d in all, want %d and %d", tt.name, most, len(all), tt.want, mostMany)
			}
		})
	}
}

// A failure, and the time, end the rule; a path that is slow has at least one connection.
func TestManyConnectionsEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []sample
		each   time.Duration
		err    error
		want   int
	}{
		{"at a failure", nil, time.Second, failAt(0, Reset, "x"), samples},
		{"when the time is over", nil, time.Second + time.Millisecond, nil, 5 * samples},
		{"when there are enough", nil, 3 * time.Second, nil, leastMany},
		{"when the time of a slow path is over", nil, 8 * time.Second, nil, 2 * samples},
		{"after three times the time, one after another", []sample{{err: syscall.ECONNREFUSED}}, time.Second + time.Millisecond, nil, 15},
		{"after one", []sample{{err: syscall.ECONNREFUSED}}, time.Hour, nil, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			all := (&probe{ctx: t.Context()}).runMany(Rule{many: true, run: func(*probe) error {
				time.Sleep(tt.each)
				return tt.err
			}}, tt.before)
			if len(all) != tt.want {
				t.Errorf("%s: got %d connections, want %d", tt.name, len(all), tt.want)
			}
		})
	}
}
