package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSizesAreReadAndWritten(t *testing.T) {
	tests := []struct {
		text     string
		min, max int
		want     string
	}{
		{"64", 64, 64, "64"},
		{"1024", 1024, 1024, "1KiB"},
		{"1KiB-1MiB", 1 << 10, 1 << 20, "1KiB-1MiB"},
		{"64:9,64KiB:1", 64, 64 << 10, "64:9,64KiB:1"},
		{"64,1-3:4", 1, 64, "64:1,1-3:4"},
		{"64:5", 64, 64, "64"},
		{"7-7", 7, 7, "7"},
		{"64MiB", MaxSize, MaxSize, "64MiB"},
	}
	for _, tt := range tests {
		s, err := ParseSizes(tt.text)
		if err != nil || s.Min() != tt.min || s.Max() != tt.max || s.String() != tt.want {
			t.Errorf("%s: got %d to %d, %q, %v; want %d to %d, %q", tt.text, s.Min(), s.Max(), s, err, tt.min, tt.max, tt.want)
		}
	}
}

func TestErrorOfInvalidSizesSaysWhatIsValid(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "one length (64), a range (64-1KiB)"},
		{"64KB", "want bytes, KiB or MiB"},
		{"-5", "want bytes, KiB or MiB"},
		{"64,", "want bytes, KiB or MiB"},
		{"0", "from 1 to 64MiB"},
		{"65MiB", "from 1 to 64MiB"},
		{"9000000000000000KiB", "from 1 to 64MiB"},
		{"1024-64", "want the smaller length first: 64-1024"},
		{"64:0", "from 1 to 1000000"},
		{"64:x", "from 1 to 1000000"},
		{"64:1000001", "from 1 to 1000000"},
	}
	for _, tt := range tests {
		if _, err := ParseSizes(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want an error that says %q", tt.text, err, tt.want)
		}
	}
}

// What is written reads as the same, and every length that is picked is one of the sizes.
func TestSizesSurviveBeingWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(1, MaxSize)
		var parts []string
		for range rapid.IntRange(1, 5).Draw(t, "choices") {
			a, b := length.Draw(t, "a"), length.Draw(t, "b")
			parts = append(parts, fmt.Sprintf("%d-%d:%d", min(a, b), max(a, b), rapid.IntRange(1, 1e6).Draw(t, "weight")))
		}
		s, err := ParseSizes(strings.Join(parts, ","))
		if err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var read Sizes
		if err := json.Unmarshal(written, &read); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		one, two := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1))
		for range 20 {
			got, want := read.pick(two), s.pick(one)
			if len(parts) > 1 && got != want || got < s.Min() || got > s.Max() {
				t.Fatalf("%s of %v: picked %d, want %d", written, parts, got, want)
			}
		}
	})
}

func TestEveryLengthOfARangeIsPicked(t *testing.T) {
	for text, want := range map[string]int{"64": 1, "64-66": 3, "64-66,70": 4} {
		s, err := ParseSizes(text)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]bool{}
		for r, n := rand.New(rand.NewPCG(1, 1)), 0; n < 1000; n++ {
			got[s.pick(r)] = true
		}
		if len(got) != want {
			t.Errorf("%s: got %v, want %d lengths", text, got, want)
		}
	}
}

func TestSizesKeepTheirWeights(t *testing.T) {
	s, err := ParseSizes("1:1,10-19:6,100:3")
	if err != nil {
		t.Fatal(err)
	}
	const picks = 100_000
	got := map[int]int{}
	for r, n := rand.New(rand.NewPCG(1, 1)), 0; n < picks; n++ {
		size := s.pick(r)
		if size >= 10 && size <= 19 {
			got[size]++
			size = 10000
		}
		got[size]++
	}
	for size, want := range map[int]float64{1: .1, 10000: .6, 100: .3, 10: .06, 19: .06} {
		if part := float64(got[size]) / picks; part < 0.9*want || part > 1.1*want {
			t.Errorf("%d: got %.3f of all, want %.3f", size, part, want)
		}
	}
}
