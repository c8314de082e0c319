package report_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/ping"
	"echod/internal/report"
)

// pingPage returns the page of a ping of two targets with a probe each second, of which each fourth
// to the second target is refused. The process was paused from second 20 to 40.
func pingPage(t *testing.T, seconds int) (page string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		config := ping.Config{Interval: time.Second, Timeout: 2 * time.Second, Size: 64}
		p := report.PingHTML(&out, []report.PingTarget{{Config: config, Name: "near"}, {Config: config, Name: `far"><img>`}})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		results := []report.PingResult{{Name: "near"}, {Name: `far"><img>`, Verdicts: []report.Verdict{{Threshold: "loss<1%", Value: "25.0 %"}}}}
		for second := range seconds {
			for i := range results {
				probe := ping.Probe{Fate: ping.Answered, Sent: time.Now(), At: time.Now(), RTT: time.Duration(i+1) * time.Millisecond}
				if i == 1 && second%4 == 0 {
					probe = ping.Probe{Fate: ping.Lost, At: time.Now(), Class: dial.Refused}
					results[i].Lost++
				} else {
					results[i].Received++
				}
				if second < 20 || second >= 40 {
					p.Probe(i, probe)
					p.Probe(i, ping.Probe{Fate: ping.Duplicated, Sent: time.Now(), At: time.Now(), RTT: time.Hour})
				}
			}
			time.Sleep(time.Second)
		}
		results[1].LostBy, results[1].Late = map[dial.Class]int64{dial.Refused: results[1].Lost}, 1
		results[0].RTT = hist.Summary{Min: time.Millisecond, P50: time.Millisecond, Max: time.Millisecond}
		if err := p.End(results); err != nil {
			t.Fatal(err)
		}
		page = out.String()
	})
	return page
}

func TestPageOfAPingHasAHeatMapOfEachTarget(t *testing.T) {
	page := pingPage(t, 100)
	h := heats(t, page)
	want := []string{
		"Heat map of round trips: up to 1.00 ms for half of 80, from 1.00 ms to 1.00 ms; nothing due in 10 of 50 columns.",
		"Heat map of round trips: up to 2.24 ms for half of 60, from 2.24 ms to 2.24 ms; 20 of 80 without an answer, in 20 of 50 columns; nothing due in 10 of 50 columns.",
	}
	if len(h.words) != 2 || h.words[0] != want[0] || h.words[1] != want[1] || h.scales[0] != h.scales[1] {
		t.Fatalf("got  %q\nwant %q\nwith equal axes, got %q", h.words, want, h.scales)
	}
	for i := range h.paths {
		if gaps := h.paths[i]["gaps"]; !strings.HasPrefix(gaps, "M2000 0H") || !strings.HasSuffix(gaps, "H4000V10000H3800z") {
			t.Errorf("got the gaps %q, want those from 20 s to 40 s", gaps)
		}
	}
	for _, want := range []string{"lost 25: 25 refused; 1 of these were answered late", "echod ping", "A column is 2 s.", `<td class="bad">25.0 %</td>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not contain %s", want)
		}
	}
	if strings.Contains(page, "<img>") {
		t.Error("the page has markup of a name")
	}
}

// A day has as many columns as ten minutes, and no probe is missing.
func TestPageOfALongPingIsSmall(t *testing.T) {
	page := pingPage(t, 86400)
	h := heats(t, page)
	if want := fmt.Sprintf("for half of %d,", 86380); !strings.Contains(strings.ReplaceAll(h.words[0], "86,380", "86380"), want) {
		t.Errorf("got %q, want all 86380 probes", h.words[0])
	}
	if len(page) > 200<<10 {
		t.Errorf("the page has %d KiB, want at most 200", len(page)>>10)
	}
}
