package load

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stages reads a valid rate.
func stages(text string) Rate {
	r, err := ParseRate(text)
	if err != nil {
		panic(err)
	}
	return r
}

func TestRateReadsWhatItWrites(t *testing.T) {
	for _, tt := range []struct {
		text, want string // want is "" if text is not a rate
		duration   time.Duration
	}{
		{"5000", "5000", 0},
		{"5000/s", "5000", 0},
		{"0.5", "0.5", 0},
		{"0", "0", 0},
		{"100..5000/30s, 5000/1m,0/10s", "100..5000/30s,5000/1m,0/10s", 100 * time.Second},
		{"5000/1h30m", "5000/1h30m", 90 * time.Minute},
		{"1..2/1h", "1..2/1h", time.Hour},
		{"", "", 0}, {"5k", "", 0}, {"-1", "", 0}, {"NaN", "", 0}, {"2e8", "", 0}, {"5..6", "", 0},
		{"5/", "", 0}, {"5/0s", "", 0}, {"5,6", "", 0}, {"5..NaN/1s", "", 0}, {"0/10s", "", 0}, {"0..0/1s,0/1s", "", 0},
		{"1/8784h", "1/8784h", MaxTime}, {"1/8784h,1/1s", "", 0}, {"1/2562047h,1/2562047h", "", 0}, {"1/9e99h", "", 0},
	} {
		r, err := ParseRate(tt.text)
		if (err == nil) != (tt.want != "") || err == nil && (r.String() != tt.want || r.Duration() != tt.duration) {
			t.Errorf("%q: got %s of %v, %v; want %q of %v", tt.text, r, r.Duration(), err, tt.want, tt.duration)
		}
		var again Rate
		if text, _ := r.MarshalText(); err == nil && (again.UnmarshalText(text) != nil || again.String() != r.String()) {
			t.Errorf("%q: got %s, then %s", tt.text, r, again)
		}
	}
}

// A stage from 0 to 100 in ten seconds has 500 messages: a quarter of them in its first half.
func TestStagesSayWhenMessagesAreDue(t *testing.T) {
	var s schedule
	s.start(1000, stages("0..100/10s,0/5s,100/2s"))
	second := func(n float64) int64 { return 1000 + int64(n*1e9) }
	for _, tt := range []struct {
		from, to float64
		want     int64
	}{{0, 5, 125}, {5, 10, 375}, {10, 15, 0}, {15, 17, 200}, {17, 100, 0}, {0, 17, 700}} {
		if got := s.count(second(tt.from), second(tt.to)); got != tt.want {
			t.Errorf("from %g s until %g s: got %d due, want %d", tt.from, tt.to, got, tt.want)
		}
	}
	if got := s.at(500); got != second(15) {
		t.Errorf("the first message after the pause is due at %d, want %d", got, second(15))
	}
	if s.at(699) == never || s.at(700) != never {
		t.Errorf("got messages 699 at %d and 700 at %d, want 699 to be the last", s.at(699), s.at(700))
	}
}

// The floating-point sum of a stage may be a little more than its whole number of messages.
// The first message of the next stage is then due at its beginning, and not before it.
func TestMessageAtTheBorderOfStagesIsDueInThem(t *testing.T) {
	var s schedule
	s.start(0, stages("9999..1/1ms,0..9/1ms,5/1s"))
	if got, want := s.at(5), int64(time.Millisecond); got != want {
		t.Errorf("got message 5 due at %d, want %d", got, want)
	}
	s.start(1000, PerSecond(1e-300))
	if got := s.at(1); got != never {
		t.Errorf("got a message due at %d that is due after the end of all clocks, want never", got)
	}
}

// Messages are due one after the other, and as many as the rate adds up to.
func TestScheduleOfStagesAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := func(name string) float64 {
			return math.Round(math.Pow(10, rapid.Float64Range(0, 4).Draw(t, name))) - 1
		}
		var r Rate
		total := 0.0
		for range rapid.IntRange(1, 4).Draw(t, "stages") {
			s := stage{rate("from"), rate("to"), time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond}
			r.stages, total = append(r.stages, s), total+s.total()
		}
		var s schedule
		s.start(0, r)
		got, last := 0, int64(-1)
		for _, due, ok := s.pop(never - 1); ok; _, due, ok = s.pop(never - 1) {
			if due < last || due >= int64(r.Duration()) {
				t.Fatalf("%s: message %d is due at %d, after %d", r, got, due, last)
			}
			got, last = got+1, due
		}
		if math.Abs(float64(got)-total) > 1 || s.count(0, int64(r.Duration())) != int64(got) {
			t.Fatalf("%s: got %d messages, counted %d, want %g", r, got, s.count(0, int64(r.Duration())), total)
		}
	})
}

func TestRatesOfTwoGeneratorsAdd(t *testing.T) {
	a, b := stages("1..2/1s,5/2s"), stages("10/1s,0..5/2s")
	if got := a.Plus(b).String(); !a.SameTimes(b) || got != "11..12/1s,5..10/2s" {
		t.Errorf("got %s, same times %t", got, a.SameTimes(b))
	}
	for _, other := range []string{"1", "1/1s", "1/1s,1/3s"} {
		if a.SameTimes(stages(other)) {
			t.Errorf("%s and %s have the same times", a, other)
		}
	}
}
