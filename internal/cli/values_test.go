package cli

import (
	"math"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"echod/internal/draw"
)

func TestSizeReadsBytesAndUnits(t *testing.T) {
	const want = "want a size in bytes, KiB, MiB, GiB or TiB, e.g. 64KiB"
	tests := []struct {
		text string
		want int64
		err  string
	}{
		{"0", 0, ""},
		{"4096", 4096, ""},
		{"64KiB", 64 << 10, ""},
		{"3MiB", 3 << 20, ""},
		{"8GiB", 8 << 30, ""},
		{"10MB", 0, "did you mean 10MiB?"},
		{"10m", 0, "did you mean 10MiB?"},
		{"10 kb", 0, "did you mean 10KiB?"},
		{"1.5GiB", 0, want},
		{"KiB", 0, want},
		{"", 0, want},
		{"-1KiB", 0, "want 0 or more"},
		{"99999999999999999999", 0, "want less than 8 EiB"},
		{"9223372036854775807GiB", 0, "want less than 8 EiB"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseSize(tt.text)
			if message(err) != tt.err || got != tt.want {
				t.Errorf("got %d, %q; want %d, %q", got, message(err), tt.want, tt.err)
			}
		})
	}
}

func TestSizeIsWrittenAsItIsRead(t *testing.T) {
	for _, want := range []string{"0", "1", "1023", "1KiB", "1025", "256KiB", "3MiB", "5GiB", "2TiB"} {
		n, err := parseSize(want)
		if got := sizeText(n); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func TestDurationHasLimits(t *testing.T) {
	const (
		example = ", e.g. 500ms, 30s, 5m or 1h30m"
		limits  = " from 1ms to 8784h"
	)
	plain := func(d *time.Duration) pflag.Value { return duration(d, time.Millisecond) }
	orZero := func(d *time.Duration) pflag.Value { return durationOrZero(d, time.Millisecond) }
	inSeconds := func(d *time.Duration) pflag.Value { return seconds(d, time.Millisecond) }
	tests := []struct {
		kind func(*time.Duration) pflag.Value
		text string
		want time.Duration
		err  string
	}{
		{plain, "500ms", 500 * time.Millisecond, ""},
		{plain, "1h30m", 90 * time.Minute, ""},
		{plain, "10", 7, "want a duration" + example},
		{plain, "0", 7, "want a duration" + limits},
		{plain, "-1s", 7, "want a duration" + limits},
		{plain, "1ns", 7, "want a duration" + limits},
		{plain, "1000000h", 7, "want a duration" + limits},
		{orZero, "0", 0, ""},
		{orZero, "1ms", time.Millisecond, ""},
		{orZero, "soon", 7, "want 0 or a duration" + example},
		{orZero, "1ns", 7, "want 0 or a duration" + limits},
		{inSeconds, "2", 2 * time.Second, ""},
		{inSeconds, "0.2", 200 * time.Millisecond, ""},
		{inSeconds, ".2", 200 * time.Millisecond, ""},
		{inSeconds, "200ms", 200 * time.Millisecond, ""},
		{inSeconds, "0", 7, "want a duration" + limits},
		{inSeconds, "-2", 7, "want a duration" + limits},
		{inSeconds, "1e3", 7, "want a duration" + example},
		{inSeconds, "NaN", 7, "want a duration" + example},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := time.Duration(7)
			err := tt.kind(&got).Set(tt.text)
			if message(err) != tt.err || got != tt.want {
				t.Errorf("got %v, %q; want %v, %q", got, message(err), tt.want, tt.err)
			}
		})
	}
}

func TestDurationIsWrittenWithoutZeroMinutesAndSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 90 * time.Minute: "1h30m", 30 * time.Second: "30s", 0: "0s",
		10 * time.Second: "10s", 100 * time.Hour: "100h",
	} {
		if got := draw.Brief(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestNumberHasLimits(t *testing.T) {
	for text, want := range map[string]string{
		"1": "", "20": "", "0": "want a number from 1 to 20", "21": "want a number from 1 to 20", "-1": "want a number from 1 to 20",
		"1.5": "want a number from 1 to 20", "x": "want a number from 1 to 20", "99999999999999999999": "want a number from 1 to 20",
	} {
		n := 7
		if err := number(&n, 1, 20).Set(text); message(err) != want {
			t.Errorf("%s: got %q, want %q", text, message(err), want)
		}
	}
}

func TestSeedHas64Bits(t *testing.T) {
	var n uint64
	if err := seed(&n).Set("18446744073709551615"); err != nil || n != math.MaxUint64 {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestListIsReplacedByTheFirstValueAndThenExtended(t *testing.T) {
	names := []string{"default"}
	list := newList(&names, "name", func(text string) (string, error) { return text, nil }, itself)
	if got := list.String(); got != "default" {
		t.Errorf("got %s, want default", got)
	}
	list.Set("a,b")
	list.SetVariable("c, d")
	if got := list.String(); got != "a,b,c,d" || len(names) != 3 {
		t.Errorf("got %q, want a,b and c and d", names)
	}
}

func TestChoiceListsEveryWordAndSuggestsOne(t *testing.T) {
	words := []string{"text", "json", "junit"}
	tests := []struct{ got, want string }{
		{"json", ""},
		{"jsno", "want text, json or junit (did you mean json?)"},
		{"JSON", "want text, json or junit (did you mean json?)"},
		{"yaml", "want text, json or junit"},
		{"", "want text, json or junit"},
	}
	for _, tt := range tests {
		if got := message(oneOf(tt.got, words)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.got, got, tt.want)
		}
	}
}

func TestSuggestNamesTheNearestWord(t *testing.T) {
	verbs := []string{"serve", "check", "engines", "version"}
	tests := []struct{ got, want string }{
		{"srve", "did you mean serve?"},
		{"serv", "did you mean serve?"},
		{"chekc", "did you mean check?"},
		{"engine", "did you mean engines?"},
		{"bananas", "otherwise"},
		{"x", "otherwise"},
		{"", "otherwise"},
	}
	for _, tt := range tests {
		if got := suggest(tt.got, verbs, "otherwise"); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.got, got, tt.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
