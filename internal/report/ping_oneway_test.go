package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/ping"
	"echod/internal/report"
)

// oneWay is a result whose way there is slow and loses probes.
func oneWay() ping.Summary {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return ping.Summary{Sent: 1000, Received: 997, Lost: 3, OneWay: &ping.OneWaySummary{
		URL: "udp://far:7008", Sent: 1000, Exchanges: 997, RoundTrip: 300 * time.Microsecond,
		Offset: -1200 * time.Microsecond, OffsetError: 150 * time.Microsecond, OffsetAt: at, Drift: 3e-6, DriftError: 1e-6,
		There: ping.Way{
			Delay: 180 * time.Microsecond, Lost: 3,
			Variation: ping.Variation{P50: 3e5, P90: 1e6, P99: 12e6, Max: 13e6},
		},
		Back:           ping.Way{Delay: 120 * time.Microsecond, Reordered: 1, Variation: ping.Variation{P50: 1e5, P90: 1e5, P99: 2e5, Max: 3e5}},
		VariationError: 100 * time.Microsecond, DelayError: 200 * time.Microsecond,
		Steps: []ping.Step{{At: at, By: -time.Second, Clock: ping.PeerClock}, {At: at, By: 90 * time.Second, Clock: ping.UnknownClock}}, More: 2, Uneven: 1,
	}}
}

func TestPingTextSaysWhichDirectionIsSlowAndLossy(t *testing.T) {
	few := oneWay()
	few.OneWay.Exchanges, few.OneWay.Steps, few.OneWay.More, few.OneWay.Uneven = 97, nil, 0, 0
	unreached := ping.Summary{OneWay: &ping.OneWaySummary{
		URL: "udp://far:7008", Sent: 9, LostUnknown: 4, There: ping.Way{Lost: 5}, Err: errors.New("the agent does not answer: closed"),
	}}
	for _, tt := range []struct {
		of   ping.Summary
		want string
	}{
		{oneWay(), `
one way to the agent udp://far:7008: 1000 sent, 997 answered
lossy       the way there: lost 3, on the way back 0
slow        the way there: +12.0 ms at p99, the way back +200 µs
                min      p50      p90      p99      max     lost reordered
there        180 µs  +300 µs +1.00 ms +12.0 ms +13.0 ms        3        0
back         120 µs  +100 µs  +100 µs  +200 µs  +300 µs        0        1
error       min ± 200 µs, above it ± 100 µs
asymmetry   the way there takes 260 µs ± 600 µs more at p50
clock       the agent's is 1.20 ms ± 150 µs behind, drift 3.00 ppm ± 1.00
clock       at 03:04:05, that of the agent was set by 1.00 s back
clock       at 03:04:05, that of the agent jumped, or that of this machine the other way, by 90.0 s forward
clock       further steps: 2
clock       changes of its drift: 1. Each part of the time has a min of its own
`},
		{few, `
one way to the agent udp://far:7008: 1000 sent, 97 answered
lossy       the way there: lost 3, on the way back 0
slow        the way there: +12.0 ms at most, the way back +200 µs
                min      p50      p90      p99      max     lost reordered
there        180 µs  +300 µs +1.00 ms        - +13.0 ms        3        0
back         120 µs  +100 µs  +100 µs        -  +300 µs        0        1
error       min ± 200 µs, above it ± 100 µs
asymmetry   the way there takes 260 µs ± 600 µs more at p50
clock       the agent's is 1.20 ms ± 150 µs behind, drift 3.00 ppm ± 1.00
`},
		{unreached, `
one way to the agent udp://far:7008: 9 sent, 0 answered
agent       the agent does not answer: closed
lossy       the way there: lost 5, on the way back 0; lost 4 that the agent could not be asked about
`},
	} {
		var b strings.Builder
		report.WritePingResults(&b, []report.PingResult{{Summary: tt.of}}, false)
		_, got, _ := strings.Cut(b.String(), "\n\n")
		if diff := cmp.Diff(tt.want, "\n"+got); diff != "" {
			t.Errorf("text differs (-want +got):\n%s", diff)
		}
	}
}

func TestPingJSONHasBothDirections(t *testing.T) {
	var b bytes.Buffer
	report.PingJSON(&b, pingTargets("far:7"), "1").End([]report.PingResult{{Summary: oneWay()}})
	var got struct {
		OneWay json.RawMessage `json:"one_way"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := `{"url":"udp://far:7008","sent":1000,"exchanges":997,"smallest_round_trip_seconds":0.0003,` +
		`"there":{"min_seconds":0.00018,"min_error_seconds":0.0002,"above_min":{"p50_seconds":0.0003,"p90_seconds":0.001,"p99_seconds":0.012,"max_seconds":0.013},"above_min_error_seconds":0.0001,"lost":3,"duplicated":0,"reordered":0},` +
		`"back":{"min_seconds":0.00012,"min_error_seconds":0.0002,"above_min":{"p50_seconds":0.0001,"p90_seconds":0.0001,"p99_seconds":0.0002,"max_seconds":0.0003},"above_min_error_seconds":0.0001,"lost":0,"duplicated":0,"reordered":1},` +
		`"lost_unknown":0,"asymmetry":{"p50_seconds":0.00026,"p50_error_seconds":0.0006,"slower":"there"},` +
		`"clock":{"offset_seconds":-0.0012,"offset_error_seconds":0.00015,"at":"2026-01-02T03:04:05Z","drift_ppm":3,"drift_error_ppm":1,` +
		`"steps":[{"at":"2026-01-02T03:04:05Z","by_seconds":-1,"clock":"peer"},{"at":"2026-01-02T03:04:05Z","by_seconds":90,"clock":"unknown"}],"more_steps":2,"drift_changes":1}}`
	if diff := cmp.Diff(want, string(got.OneWay)); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
}
