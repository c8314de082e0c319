package hist_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"echod/internal/hist"
)

var update = flag.Bool("update", false, "write the golden files anew")

// drawn draws short and long durations.
func drawn(t *rapid.T, name string) []time.Duration {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) time.Duration {
		magnitude := rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "magnitude")
		return time.Duration(rapid.Int64Range(0, magnitude).Draw(t, "duration"))
	})).Draw(t, name)
}

func of(durations []time.Duration) *hist.Hist {
	h := hist.New()
	for _, d := range durations {
		h.Record(d)
	}
	return h
}

func TestJSONKeepsEveryCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, got := of(drawn(t, "durations")), new(hist.Hist)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, got); err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || got.Summary() != want.Summary() {
			t.Fatalf("got %+v, want %+v", got.Summary(), want.Summary())
		}
	})
}

func TestFoldKeepsEveryCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := drawn(t, "durations")
		got, want := of(durations), of(durations)
		got.Fold()
		if !got.Equal(want) || got.Summary() != want.Summary() || !cmp.Equal(got.Curve(), want.Curve()) {
			t.Fatalf("folded: got %+v, want %+v", got.Summary(), want.Summary())
		}
		got.Fold()
		got.Record(time.Second)
		got.Fold()
		got.Add(of(durations))
		want.Record(time.Second)
		want.Add(of(durations))
		if !got.Equal(want) || got.Max() != want.Max() || got.Count() != want.Count() {
			t.Fatalf("folded, and counted on: got %+v, want %+v", got.Summary(), want.Summary())
		}
		got.Fold()
		got.Reset()
		if got.Count() != 0 || got.Max() != 0 {
			t.Fatalf("folded, and reset: got %+v", got.Summary())
		}
	})
}

// A thousand folded histograms take less memory than twenty others.
func TestFoldedHistogramIsSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make([]*hist.Hist, 1000)
	for i := range kept {
		kept[i] = thousand()
		kept[i].Fold()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	got := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if most := int64(4 << 20); got > most {
		t.Errorf("got %d bytes for %d histograms, want at most %d", got, len(kept), most)
	}
	runtime.KeepAlive(kept)
}

func TestZeroHistIsEmpty(t *testing.T) {
	var h hist.Hist
	if h.Count() != 0 || !h.Equal(hist.New()) {
		t.Errorf("got %+v", h.Summary())
	}
	h.Record(time.Second)
	if h.Count() != 1 {
		t.Errorf("got %d durations, want 1", h.Count())
	}
}

func TestAddKeepsEveryCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawn(t, "a"), drawn(t, "b")
		got, want := of(a), of(append(a, b...))
		got.Add(of(b))
		if !got.Equal(want) || got.Summary() != want.Summary() {
			t.Fatalf("got %+v, want %+v", got.Summary(), want.Summary())
		}
	})
}

func TestEqualComparesCounts(t *testing.T) {
	a, b := of([]time.Duration{time.Millisecond}), of([]time.Duration{2 * time.Millisecond})
	if a.Equal(b) || a.Equal(nil) || !a.Equal(a) {
		t.Errorf("got a=b %v, a=nil %v, a=a %v", a.Equal(b), a.Equal(nil), a.Equal(a))
	}
}

// The string in JSON is what HdrHistogram's own library encodes and decodes.
func TestOtherLibrariesReadTheJSON(t *testing.T) {
	text, err := json.Marshal(of([]time.Duration{time.Millisecond, time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := hdrhistogram.Decode(bytes.Trim(text, `"`))
	if err != nil {
		t.Fatal(err)
	}
	if got := theirs.TotalCount(); got != 2 {
		t.Errorf("got %d durations, want 2", got)
	}
}

func TestInvalidJSONIsRefused(t *testing.T) {
	foreign := func(high int64, digits int) string {
		text, err := hdrhistogram.New(1, high, digits).Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		return `"` + string(text) + `"`
	}
	tests := []struct{ name, json, want string }{
		{"a number", "5", "a histogram is a string in base64"},
		{"no base64", `"?"`, "decode a histogram: illegal base64"},
		{"too short", `"AAAA"`, "decode a histogram: encoded histogram too short"},
		{"another range", foreign(1000, 3), "a histogram from 1 to 1000 in 3 digits; it must be from 1 to 3600000000000 ns in 3"},
		{"fewer digits", foreign(int64(time.Hour), 2), "a histogram from 1 to 3600000000000 in 2 digits; it must be from 1 to 3600000000000 ns in 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := of([]time.Duration{time.Second})
			err := h.UnmarshalJSON([]byte(test.json))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if h.Count() != 1 {
				t.Errorf("got %d durations after a failure, want the 1 that there was", h.Count())
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	text, err := json.Marshal(of([]time.Duration{time.Millisecond, time.Second}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`"AAAA"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h := hist.New()
		if h.UnmarshalJSON(text) == nil {
			h.Summary()
			h.Curve()
		}
	})
}

func thousand() *hist.Hist {
	h := hist.New()
	for i := range 1000 {
		h.Record(time.Duration(i+1) * 10 * time.Microsecond)
	}
	return h
}

func TestSummaryHasTheFiguresOfTheHistogram(t *testing.T) {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	got := thousand().Summary()
	for _, d := range []*time.Duration{&got.Min, &got.Mean, &got.P50, &got.P90, &got.P99, &got.P999, &got.P9999, &got.Max} {
		*d = d.Round(10 * time.Microsecond) // to three digits
	}
	want := hist.Summary{Count: 1000, Min: us(10), Mean: us(5010), P50: us(5000), P90: us(9000), P99: us(9900),
		P999: us(9990), P9999: us(10000), Max: us(10000)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(hist.Summary{}, hist.New().Summary()); diff != "" {
		t.Errorf("of nothing (-want +got)\n%s", diff)
	}
}

func TestCurveEndsAtTheLongestDuration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := of(drawn(t, "durations"))
		curve := h.Curve()
		if h.Count() == 0 {
			if len(curve) != 0 {
				t.Fatalf("got %v of nothing", curve)
			}
			return
		}
		for i, point := range curve[1:] {
			if before := curve[i]; point.Quantile < before.Quantile || point.Value < before.Value {
				t.Fatalf("%v comes after %v", point, before)
			}
		}
		if last := curve[len(curve)-1]; last.Quantile != 1 || last.Value != h.Max() {
			t.Fatalf("got %v last, want 1 and %v", last, h.Max())
		}
	})
}

func TestHgrmListsThePercentiles(t *testing.T) {
	var got strings.Builder
	if err := thousand().WriteHgrm(&got, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/thousand.hgrm"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./internal/hist -update writes it anew:\n%s", path, diff)
	}
}

// The library's own output has fewer digits, but ends with the same lines.
func TestHgrmEndsAsTheOutputOfTheLibrary(t *testing.T) {
	theirs, ours := new(strings.Builder), new(strings.Builder)
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	if _, err := h.PercentilesPrint(theirs, 5, 1e6); err != nil {
		t.Fatal(err)
	}
	if err := hist.New().WriteHgrm(ours, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	last := func(b *strings.Builder) string {
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		return lines[len(lines)-1]
	}
	if got, want := last(ours), last(theirs); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBucketsCountEveryDurationOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hist.New()
		durations := rapid.SliceOfN(rapid.Int64Range(1, int64(time.Hour)), 1, 50).Draw(t, "durations")
		for _, d := range durations {
			h.Record(time.Duration(d))
		}
		var count int64
		var last time.Duration
		for i, b := range h.Buckets(16) {
			if b.To <= last || i == 0 && b.Count == 0 {
				t.Fatalf("bucket %d: %+v after %v", i, b, last)
			}
			count, last = count+b.Count, b.To
		}
		if count != int64(len(durations)) || last < h.Max() || len(h.Buckets(16)) > 16 {
			t.Fatalf("got %d durations up to %v in %d buckets, want %d up to %v", count, last, len(h.Buckets(16)), len(durations), h.Max())
		}
	})
	if got := hist.New().Buckets(16); got != nil {
		t.Errorf("got %v of an empty histogram", got)
	}
}
