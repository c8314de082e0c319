package report_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"echod/internal/report"
)

func TestCSVHasALineForEachSecond(t *testing.T) {
	r := sample(1, 4, time.Millisecond)
	var text strings.Builder
	if err := report.WriteCSV(&text, report.Run{Result: r, Percentiles: []float64{50, 99.9}}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(lines[0], " "), "at_seconds seconds due answered failed lost bytes_in conns latency_p50_seconds latency_p999_seconds latency_max_seconds"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	answered := int64(0)
	for i, line := range lines[1:] {
		n, _ := strconv.ParseInt(line[3], 10, 64)
		answered += n
		longest := strconv.FormatFloat(r.Intervals[i].Latency.Max().Seconds(), 'f', -1, 64)
		if line[0] != strconv.Itoa(i) || line[7] != "50" || line[10] != longest {
			t.Errorf("second %d: got %v, want 50 connections and max %s", i, line, longest)
		}
	}
	if len(lines) != 5 || answered != r.Answered {
		t.Errorf("got %d lines with %d answers, want 5 with %d", len(lines), answered, r.Answered)
	}
}

func TestSecondWithoutAnAnswerHasNoLatencyInCSV(t *testing.T) {
	var text strings.Builder
	report.WriteCSV(&text, report.Run{Result: empty("alpha", 1), Percentiles: []float64{50}})
	if want := "\n0,1,0,0,0,0,0,0,,\n"; !strings.HasSuffix(text.String(), want) {
		t.Errorf("got %q, want the end %q", text.String(), want)
	}
}

// The library of HdrHistogram reads each second of the log back.
func TestLogIsReadByHdrHistogram(t *testing.T) {
	r := sample(1, 4, time.Millisecond)
	var text bytes.Buffer
	if err := report.WriteHlog(&text, report.Run{Result: r}); err != nil {
		t.Fatal(err)
	}
	in := hdrhistogram.NewHistogramLogReader(&text)
	for i, interval := range r.Intervals {
		got, err := in.NextIntervalHistogram()
		if err != nil || got == nil {
			t.Fatalf("second %d: got %v, %v", i, got, err)
		}
		started := float64(r.Started.UnixMilli()) + interval.At*1000
		if got.TotalCount() != interval.Latency.Count() || got.Max() != int64(interval.Latency.Max()) || float64(got.StartTimeMs()) != started {
			t.Errorf("second %d: got %d up to %d at %d, want %d up to %d at %.0f", i, got.TotalCount(), got.Max(), got.StartTimeMs(),
				interval.Latency.Count(), interval.Latency.Max(), started)
		}
	}
	if got, err := in.NextIntervalHistogram(); got != nil && err == nil {
		t.Errorf("got a fifth second: %v", got)
	}
}

func TestPercentilesAreThoseThatWereAskedFor(t *testing.T) {
	runs := []report.Run{{Result: sample(1, 2, time.Millisecond), Percentiles: []float64{75, 99.5}}}
	for name, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return report.WriteText(w, runs, false) },
		"JSON": func(w io.Writer) error { return report.WriteJSON(w, runs) },
		"HTML": func(w io.Writer) error { return report.WriteHTML(w, runs) },
	} {
		var text strings.Builder
		if err := write(&text); err != nil {
			t.Fatal(err)
		}
		names := []string{"latency p75", "latency p99.5"}
		if name == "JSON" {
			names = []string{"latency_p75_seconds", "latency_p995_seconds"}
		}
		for _, want := range names {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: no %s", name, want)
			}
		}
		if strings.Contains(text.String(), "latency p90") || strings.Contains(text.String(), "latency_p90") {
			t.Errorf("%s: p90 was not asked for", name)
		}
	}
}
