package trace

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/internal/sys"
)

func TestOutputThatCannotBeWrittenIsReported(t *testing.T) {
	for _, tt := range []struct{ err, want error }{{syscall.ENOSPC, syscall.ENOSPC}, {syscall.EPIPE, nil}} {
		var failed error
		record(t, Config{Text: failing{tt.err}, Failed: func(err error) { failed = err }}, 2)
		if !errors.Is(failed, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.err, failed, tt.want)
		}
	}
}

func TestBytesAreQuotedOneByOne(t *testing.T) {
	for data, want := range map[string]string{
		"": `""`, "a\"\\\r\n\x00\x7f": `"a\"\\\r\n\x00\x7f"`, "Ι": `"\xce\x99"`, "\xff": `"\xff"`,
	} {
		if got := quoteBytes([]byte(data)); got != want {
			t.Errorf("%q: got %s, want %s", data, got, want)
		}
	}
}

func TestLineHasWhatTheKernelKnowsOfThePath(t *testing.T) {
	held := Held{State: "ESTABLISHED", PeerWindow: 65536, RTT: 1250}
	waiting := held
	waiting.Unacknowledged, waiting.PeerLimited, waiting.BufferLimited = 9, 3_000_000, 20
	for _, tt := range []struct {
		of   Record
		want string
	}{
		{Record{Op: Accept, Call: "Accept", Held: &held}, "ESTABLISHED peer window 65536 rtt 1.25ms"},
		{Record{Op: Receive, Call: "Read", Held: &held}, "ESTABLISHED"},
		{Record{Op: Send, Call: "Write", Held: &waiting}, "ESTABLISHED out 9 peer window 65536 rtt 1.25ms, limited by the peer's window for 3s, limited by the send buffer for 20µs"},
	} {
		if got := Line(&tt.of, "", 0); !strings.HasSuffix(got, "  "+tt.want) {
			t.Errorf("got %q, want %q at its end", got, tt.want)
		}
	}
}

func TestHeldSaysThatThePeerHasNoRoom(t *testing.T) {
	for want, h := range map[string]sys.Held{
		"ESTABLISHED in 1 out 5 unsent 4 peer window 0": {State: "ESTABLISHED", Arrived: 1, Unacknowledged: 5, Unsent: 4, PeerLimited: 8000},
		"ESTABLISHED out 5 unsent 4":                    {State: "ESTABLISHED", Unacknowledged: 5, Unsent: 4, PeerWindow: 9, PeerLimited: 8000},
		"ESTABLISHED out 5 unsent 5":                    {State: "ESTABLISHED", Unacknowledged: 5, Unsent: 5}, // a kernel that does not say
		"CLOSE out 5 unsent 4":                          {State: "CLOSE", Unacknowledged: 5, Unsent: 4, PeerLimited: 8000},
		"ESTABLISHED out 5":                             {State: "ESTABLISHED", Unacknowledged: 5, PeerLimited: 8000},
	} {
		if got := HeldText(&h); got != want {
			t.Errorf("%+v: got %q, want %q", h, got, want)
		}
	}
}

func TestShortTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234: "1.23µs", 12345: "12µs", 1234567: "1.23ms", 1234567890: "1.235s",
	} {
		if got := Short(d); got != want {
			t.Errorf("%d ns: got %s, want %s", d, got, want)
		}
	}
}

// failing is an output that cannot be written.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
