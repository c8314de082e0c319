package check

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckBytesFindsTheFirstWrongByteAndTellsLossFromChange(t *testing.T) {
	const at = 1000 // bytes of the stream before these
	tests := []struct {
		name   string
		change func(sent []byte) []byte
		class  Class
		offset int64
		detail string
	}{
		{"changed", func(b []byte) []byte { b[20] ^= 1; return b }, Corrupt, 1020, "byte 1020 differs from the byte that was sent"},
		{"swapped", func(b []byte) []byte { b[7], b[8] = b[8], b[7]; return b }, Corrupt, 1007, "byte 1007 differs from the byte that was sent"},
		{"one missing", func(b []byte) []byte { return append(b[:5], b[6:]...) }, Corrupt, 1005, "1 byte is missing at byte 1005"},
		{"ten missing", func(b []byte) []byte { return append(b[:5], b[15:]...) }, Corrupt, 1005, "10 bytes are missing at byte 1005"},
		{"one too many", func(b []byte) []byte { return append([]byte{^b[0]}, b...) }, ExtraBytes, 1000, "1 extra byte arrived at byte 1000"},
		{"one missing, and other bytes after it", func(b []byte) []byte { b = append(b[:5], b[6:]...); b[14] ^= 1; return b }, Corrupt, 1005, "byte 1005 differs from the byte that was sent"},
		{"too close to the end to detect a shift", func(b []byte) []byte { b = append(b[:90], b[91:]...); return b[:92] }, Corrupt, 1090, "byte 1090 differs from the byte that was sent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			back := payload(1, "test", 0)
			got := tt.change(nextBytes(payload(1, "test", 0), 100))
			f := checkBytes(got, nextBytes(back, len(got)), back, at)
			if f == nil {
				t.Fatal("got no difference")
			}
			if f.class != tt.class || f.offset != tt.offset || f.detail != tt.detail {
				t.Errorf("got  %s at %d: %s\nwant %s at %d: %s", f.class, f.offset, f.detail, tt.class, tt.offset, tt.detail)
			}
		})
	}
}

func TestPrintableBytesAreShownAsText(t *testing.T) {
	for got, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n": "48 54 54 50 2f 31 2e 31 20 34 30 30 20 42 61 64 …  |HTTP/1.1 400 Bad|",
		"\x00ok\xff~\x7f\r":            "00 6f 6b ff 7e 7f 0d  |.ok.~..|",
		"\x00\xff":                     "00 ff",
		"":                             "",
	} {
		if shown := excerpt([]byte(got)); shown != want {
			t.Errorf("%q: got %q, want %q", got, shown, want)
		}
	}
}

func TestCheckBytesAcceptsWhatWasSent(t *testing.T) {
	same := nextBytes(payload(1, "test", 0), 100)
	if f := checkBytes(same, nextBytes(payload(1, "test", 0), 100), nil, 0); f != nil {
		t.Errorf("got %v, want no failure", f)
	}
}

func TestPayloadDoesNotDependOnHowItIsRead(t *testing.T) {
	whole := nextBytes(payload(7, "rule", 3), 4096)
	r := payload(7, "rule", 3)
	var pieces []byte
	for n := 1; len(pieces) < len(whole); n = n*2 + 1 {
		pieces = append(pieces, nextBytes(r, min(n, len(whole)-len(pieces)))...)
	}
	if diff := cmp.Diff(whole, pieces); diff != "" {
		t.Errorf("read in pieces it differs:\n%s", diff)
	}
}

func TestPayloadsOfOtherSeedsRulesAndConnectionsDiffer(t *testing.T) {
	seen := make(map[string]string)
	for name, r := range map[string]io.Reader{
		"one":              payload(1, "a", 0),
		"other seed":       payload(2, "a", 0),
		"other rule":       payload(1, "b", 0),
		"other connection": payload(1, "a", 1),
	} {
		start := string(nextBytes(r, 16))
		if other, ok := seen[start]; ok {
			t.Errorf("%s has the bytes of %s", name, other)
		}
		seen[start] = name
	}
}
