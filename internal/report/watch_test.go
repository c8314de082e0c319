package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/report"
	"echod/internal/watch"
)

func TestWatchSummaryHasALineForEachAddress(t *testing.T) {
	began := time.Unix(1e9, 0)
	snap := watch.Snapshot{Started: began, Targets: []watch.TargetSnapshot{
		{URL: "dns+tcp://echo.example:7", All: true, Addresses: []watch.AddressSnapshot{
			{Address: "10.0.0.1:7", Known: true, Up: true, Sent: 100, Late: 3, Stale: 1, Received: 100, Recent: []time.Duration{3e6, 1e6, 2e6}},
			{Address: "10.0.0.2:7", Known: true, Sent: 100, Received: 75, Recent: []time.Duration{1e6},
				Lost: map[dial.Class]uint64{dial.Timeout: 5, dial.Refused: 20}},
		}},
		{URL: "unix:///run/echo", Addresses: []watch.AddressSnapshot{{Address: "/run/echo"}}},
		{URL: "dns+udp://gone.example:7", All: true, Failures: map[watch.Failure]uint64{{Network: "ip4", Reason: "server"}: 1, {Network: "ip6", Reason: "timeout"}: 2}},
	}}
	want := `up       dns+tcp://echo.example:7 10.0.0.1:7  100 sent, 100 received, 0 lost (0 %); also 3 late, 1 stale; of the last 3 p50 2.00 ms, p99 3.00 ms, max 3.00 ms
down     dns+tcp://echo.example:7 10.0.0.2:7  100 sent, 75 received, 25 lost (25.0 %): 20 refused, 5 timeout; of the last 1 p50 1.00 ms, p99 1.00 ms, max 1.00 ms
unknown  unix:///run/echo  0 sent, 0 received, 0 lost
unknown  dns+udp://gone.example:7  no addresses; 3 failed look-ups
watched for 1m30s
`
	var got strings.Builder
	if err := report.WriteWatch(&got, snap, began.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
