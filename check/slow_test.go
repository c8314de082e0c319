package check_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// link is a path that forwards in each direction at rate bytes a second, and each byte
// after delay. Its window is large enough for that rate.
func link(rate int, delay time.Duration) echotest.Path {
	way := echotest.Way{Rate: rate, Delay: delay, Window: 32<<10 + int(delay.Seconds()*float64(rate))}
	return echotest.Path{ToServer: way, ToClient: way}
}

// The client's send buffer is larger than what the path carries within the timeout, so a
// write waits for longer. The bytes move all the time.
func TestAWriteThatWaitsForASlowPathIsNotADeadlock(t *testing.T) {
	t.Parallel()
	target := echotest.NewRelay(t, link(800<<10, 0), echotest.NewServer(t).URL())
	got := runRule(t, target.URL(), "stream/bulk", check.Options{Timeout: time.Second, Bulk: 5 << 20})
	wantDetail(t, got, check.Pass, "", `MiB`)
}

func TestAFINThatTakesARoundTripIsNotLate(t *testing.T) {
	t.Parallel()
	target := echotest.NewRelay(t, link(1<<20, 600*time.Millisecond), echotest.NewServer(t).URL())
	got := runRule(t, target.URL(), "stream/close-latency", check.Options{})
	wantDetail(t, got, check.Pass, "", `^FIN after (1\.|[2-9])`)
}

// At 2 KiB/s, what the rate is measured with would take longer than the budget.
func TestTheMeasurementOfAVerySlowPathLeavesTimeForTheRules(t *testing.T) {
	t.Parallel()
	target := echotest.NewRelay(t, link(2<<10, 0), echotest.NewServer(t).URL())
	report, err := check.Run(t.Context(), parse(t, target.URL()), check.Options{Rules: []string{"stream/first-byte"}, Budget: 40 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	wantDetail(t, report.Results[0], check.Pass, "", "")
	if rate := report.Path.Rate; rate < 1<<9 || rate > 4<<10 {
		t.Errorf("got a rate of %d B/s, want about 2048", rate)
	}
}

// Some clients wait in vain on a slow path that serves the others: its queue may have dropped
// what they sent.
func TestALossOnASlowPathIsNotALimitOnConnections(t *testing.T) {
	t.Parallel()
	path := link(40<<10, 0)
	// The sixteenth is one of the twenty clients: those before are few.
	path.Faults = []echotest.PathFault{{Conns: echotest.Nth(16), On: echotest.OnConnect, Do: echotest.Hang}}
	target := echotest.NewRelay(t, path, echotest.NewServer(t).URL())
	got := runRule(t, target.URL(), "stream/concurrency", check.Options{Conns: 20, Timeout: 10 * time.Second})
	wantDetail(t, got, check.Skip, "", "the path is too slow for this number of clients")
}

// What is slow and honest passes, or does not fit into the budget. Without ECHOD_SOAK only
// some rules run.
func TestNoFalseAlarmOnASlowHonestPath(t *testing.T) {
	t.Parallel()
	const second, slow = time.Second, 1250 * time.Millisecond
	stalls := link(4<<20, 0)
	stalls.Faults = []echotest.PathFault{{EveryBytes: 1 << 20, Do: echotest.Delay, After: 2 * time.Second}}
	for _, tt := range []struct {
		name      string
		path      echotest.Path
		roundTrip time.Duration // at least
		some      []string      // the rules of the short version
	}{
		{"100 KiB/s", link(100<<10, 0), 0, []string{"stream/concurrency", "stream/half-close-owed"}},
		{"round trip of 300 ms", link(1<<20, 150*time.Millisecond), 300 * time.Millisecond, []string{"stream/binary-exact", "stream/size-sweep", "stream/slow-reader"}},
		{"round trip of 2.5 s", link(1<<20, slow), 2 * slow, []string{"stream/first-byte", "stream/half-close", "stream/zero-window"}},
		{"stalls of 2 s", stalls, 0, []string{"stream/chunking"}},
	} {
		for run := range max(1, soakRuns()) {
			t.Run(fmt.Sprint(tt.name, " ", run), func(t *testing.T) {
				t.Parallel()
				options := check.Options{Stall: second, Rules: tt.some}
				if soakRuns() > 0 {
					options.Rules = nil
				}
				path := tt.path
				path.Seed = uint64(run)
				relay := echotest.NewRelay(t, path, echotest.NewServer(t).URL())
				report, err := check.Run(t.Context(), parse(t, relay.URL()), options)
				if err != nil {
					t.Fatal(err)
				}
				if report.Verdict() != check.Pass {
					t.Error("an honest path failed")
				}
				if report.Path.RoundTrip < tt.roundTrip {
					t.Errorf("got a round trip of %v, want at least %v", report.Path.RoundTrip, tt.roundTrip)
				}
				report.WriteText(t.Output(), false)
			})
		}
	}
}

// soakRuns returns how many runs the environment asks for; 0 for the short version.
func soakRuns() int {
	n, _ := strconv.Atoi(os.Getenv("ECHOD_SOAK"))
	return n
}

// Small messages come back, and large ones do not. A budget that ends before a rule can say so
// does not make the path honest.
func TestAShortBudgetDoesNotMakeABlackHoleHonest(t *testing.T) {
	t.Parallel()
	for _, budget := range []time.Duration{6 * time.Second, 12 * time.Second} {
		t.Run(budget.String(), func(t *testing.T) {
			t.Parallel()
			proxy := echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), echotest.NewServer(t).URL())
			report, err := check.Run(t.Context(), parse(t, proxy.URL()), check.Options{Budget: budget})
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict() == check.Pass || !strings.HasPrefix(report.Summary(), "inconclusive: ") {
				t.Errorf("got %s, want inconclusive", report.Summary())
			}
		})
	}
}
