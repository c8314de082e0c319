package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/load"
	"echod/internal/report"
)

// written returns r as a result file.
func written(t interface{ Fatal(...any) }, r *load.Result) string {
	var text strings.Builder
	if err := report.WriteJSON(&text, one(r)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// planLike compares the fields of plans that a file has.
var planLike = cmp.Options{
	cmpopts.IgnoreFields(load.Plan{}, "Target"), cmpopts.EquateComparable(netip.Addr{}),
	cmp.Comparer(func(a, b load.Sizes) bool { return reflect.DeepEqual(a, b) }),
}

func TestResultFileHoldsTheWholeResult(t *testing.T) {
	for name, want := range map[string]*load.Result{"fine": sample(1, 3, time.Millisecond), "troubled": troubled()} {
		t.Run(name, func(t *testing.T) {
			got, err := readRun("a.json", strings.NewReader(written(t, want)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, planLike); diff != "" {
				t.Errorf("a result written and read (-want +got)\n%s", diff)
			}
		})
	}
}

func TestThresholdsAreInTheFileAndNotInTheResult(t *testing.T) {
	var text strings.Builder
	want := []report.Verdict{{Threshold: "p99<2ms", Met: true, Value: "1 ms"}, {Threshold: "loss<1%", Value: "not measured"}}
	if err := report.WriteJSON(&text, []report.Run{{Result: sample(1, 3, time.Millisecond), Verdicts: want}}); err != nil {
		t.Fatal(err)
	}
	var got struct{ Thresholds []report.Verdict }
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Thresholds); diff != "" {
		t.Errorf("thresholds (-want +got)\n%s", diff)
	}
	read, err := readRun("a.json", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(1, 3, time.Millisecond), read, planLike); diff != "" {
		t.Errorf("the result that is read (-want +got)\n%s", diff)
	}
}

func TestSeveralRunsInJSONAreResultFilesWithNames(t *testing.T) {
	var text strings.Builder
	if err := report.WriteJSON(&text, three()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format string
		Runs   []json.RawMessage
	}
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Format != report.ReportFormat || len(got.Runs) != 3 {
		t.Fatalf("got %d runs of format %q, want 3 of %q", len(got.Runs), got.Format, report.ReportFormat)
	}
	for i, want := range three() {
		r, err := readRun("run", bytes.NewReader(got.Runs[i]))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Result, r, planLike); diff != "" {
			t.Errorf("run %d (-want +got)\n%s", i, diff)
		}
		if head := "{\n      \"name\": \"" + want.Name; !strings.HasPrefix(string(got.Runs[i]), head) {
			t.Errorf("run %d begins with %.40s, want %s", i, got.Runs[i], head)
		}
	}
}

// TestAnswersAfterTheEndAreNoThroughput: nor do they lower the CPU time of a message.
func TestAnswersAfterTheEndAreNoThroughput(t *testing.T) {
	r := sample(1, 2, time.Millisecond)
	r.AnsweredInTime, r.BytesInTime, r.CPU.System = 1000, 64000, 10
	var got struct{ Figures map[string]float64 }
	if err := json.Unmarshal([]byte(written(t, r)), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{"messages_per_second": 500, "bytes_per_second": 32000, "system_cpu_per_message_seconds": 0.01} {
		if got.Figures[key] != want {
			t.Errorf("%s: got %g, want %g", key, got.Figures[key], want)
		}
	}
}

// TestByteOrderMarkIsSkipped: shells of Windows begin a file with one.
func TestByteOrderMarkIsSkipped(t *testing.T) {
	if _, err := readRun("a.json", strings.NewReader("\ufeff"+written(t, sample(1, 2, time.Millisecond)))); err != nil {
		t.Error(err)
	}
}

func TestResultFileStartsWithItsFormat(t *testing.T) {
	text := written(t, sample(1, 1, time.Millisecond))
	if want := "{\n  \"format\": \"echod-bench/3\",\n  \"figures\": {\n"; !strings.HasPrefix(text, want) {
		t.Errorf("got %.80s, want %s", text, want)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	good := written(t, sample(1, 2, time.Millisecond))
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in\n%s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct{ name, text, want string }{
		{"empty", " \n", "a.json: empty: want a file that echod has written, e.g. with bench --format json"},
		{"not JSON", "seconds\n", "a.json: not JSON: line 1: invalid character 's' looking for beginning of value"},
		{"a list", "[]", "a.json: not a result of echod bench or check: not a JSON object"},
		{"something else", `{"scheme":1}`, "a.json: not a result of echod bench or check, and not a trace: it has no format"},
		{"an older format", `{"format":"echod-bench/1"}`, `a.json: format "echod-bench/1" is not supported; this echod reads echod-bench/3`},
		{"a newer format", `{"format":"echod-bench/4"}`, `a.json: format "echod-bench/4" is not supported; this echod reads echod-bench/3`},
		{"cut off", good[:len(good)/2], "a.json: incomplete: the JSON ends too early"},
		{"two of them", good + good, "a.json: not JSON: line "},
		{"a word for a number", swap(`"answered": `, `"answered": "many", "x": `), "a.json: line 50: answered cannot be a string"},
		{"of an older version", swap(`"answered_in_time"`, `"x"`), "a.json: no answered_in_time, which is needed for the throughput"},
		{"more in time than in all", swap(`"answered_in_time": `, `"answered_in_time": 9`), "a.json: answered_in_time is 9"},
		{"no latency", `{"format":"echod-bench/3"}`, "a.json: no latency"},
		{"a bad histogram", swap(`"latency": "`, `"latency": "?`), "a.json: latency: decode a histogram: illegal base64"},
		{"negative", swap(`"answered": `, `"answered": -`), "a.json: answered is negative"},
		{"counts that do not add up", swap(`"lost": 0`, `"lost": 7`), "a.json: due is 2508: want the sum of answered, failed and lost, 2515"},
		{"a bad rate", swap(`"conns": `, `"rate": "much", "conns": `), "a.json: plan.rate: want a number per second from 0 to 1000000000000000, e.g. 5000"},
		{"a bad address", swap(`"conns": `, `"sources": ["127.0.0.1", "x"], "conns": `), "a.json: plan.sources[1]: ParseAddr"},
		{"bad sizes", swap(`"sizes": "`, `"sizes": "x`), "a.json: plan.sizes: want bytes"},
		{"a bad histogram of a second", swap(`"intervals": [`, `"intervals": [{"latency": ""}, {"latency": "x"}, `), "a.json: intervals[0].latency: decode a histogram"},
		{"too long", swap(`"seconds": 2`, `"seconds": 1e300`), "a.json: seconds is 1e+300: want 0 to 1e+09"},
		{"out of order", swap(`"at": 0`, `"at": 2`), "a.json: intervals[1] starts at 1 s and is 1 s long, which is impossible"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := readRun("a.json", strings.NewReader(test.text))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// FuzzRead checks that a file that can be read can be written in each format, and read
// again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":"echod-bench/3"}`))
	f.Add([]byte(written(f, sample(1, 1, time.Millisecond))))
	f.Add([]byte(written(f, troubled())))
	f.Add([]byte(written(f, merged(f, share(empty("alpha", 1), 1, 1), share(empty("beta", 1), 1, 1)))))
	f.Add([]byte(writtenFind(f, sampleFind())))
	f.Add([]byte(traceText))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := report.Read("fuzzed", bytes.NewReader(text))
		switch {
		case err != nil:
			return
		case d.Find != nil:
			wantReadAgain(t, d.Find)
			return
		case d.Trace != nil:
			one := report.Trace{Name: "fuzzed", File: d.Trace}
			if err := errors.Join(report.WriteTraceText(io.Discard, one), report.WriteTraceHTML(io.Discard, one)); err != nil {
				t.Fatal(err)
			}
			return
		}
		r := d.Result
		again, err := readRun("again", strings.NewReader(written(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again, planLike, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written and read (-want +got)\n%s", diff)
		}
		runs := []report.Run{{Name: "a", Result: r}, {Name: "b", Result: again}}
		if err := errors.Join(report.WriteText(io.Discard, runs, true), report.WriteHTML(io.Discard, runs), report.WriteJSON(io.Discard, runs)); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Merge(runs[:1]); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Merge(runs); err == nil {
			t.Fatal("a result was added to itself")
		}
	})
}
