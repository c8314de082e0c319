package cli

import (
	"testing"
	"time"
)

func TestSizeReadsWhatIsMeant(t *testing.T) {
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
		{"10MB", 0, "write 10MiB"},
		{"10m", 0, "write 10MiB"},
		{"10 kb", 0, "write 10KiB"},
		{"1.5GiB", 0, "write bytes, KiB, MiB, GiB or TiB, as in 64KiB"},
		{"KiB", 0, "write bytes, KiB, MiB, GiB or TiB, as in 64KiB"},
		{"", 0, "write bytes, KiB, MiB, GiB or TiB, as in 64KiB"},
		{"-1KiB", 0, "it must not be negative"},
		{"99999999999999999999", 0, "it must be less than 8 EiB"},
		{"9223372036854775807GiB", 0, "it must be less than 8 EiB"},
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

func TestSpanReadsWhatIsMeant(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		err  string
	}{
		{"0", 0, ""},
		{"500ms", 500 * time.Millisecond, ""},
		{"1h30m", 90 * time.Minute, ""},
		{"10", 7, "write it as in 500ms, 30s, 5m or 1h30m"},
		{"-1s", 7, "it must not be negative"},
		{"1ns", 7, "it must be 0 or at least 1ms"},
		{"1000000h", 7, "it must be at most 8784h"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := time.Duration(7)
			err := span{&got, time.Millisecond}.Set(tt.text)
			if message(err) != tt.err || got != tt.want {
				t.Errorf("got %v, %q; want %v, %q", got, message(err), tt.want, tt.err)
			}
		})
	}
}

func TestSpanIsWrittenShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 90 * time.Minute: "1h30m", 30 * time.Second: "30s", 0: "0s",
		10 * time.Second: "10s", 100 * time.Hour: "100h",
	} {
		if got := spanText(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestSuggestFindsWhatWasMeant(t *testing.T) {
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
