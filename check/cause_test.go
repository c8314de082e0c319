package check_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

func TestAnMTUHoleIsOneReason(t *testing.T) {
	t.Parallel()
	proxy := echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), echotest.NewServer(t).URL())
	target, err := check.ParseTarget(proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Run(t.Context(), target, check.Options{
		Timeout: time.Second, Rules: []string{"stream/chunking", "stream/size-sweep", "stream/half-close", "stream/concurrency"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.WriteText(&text, false)
	if n := strings.Count(text.String(), "\n  remedy  "); n != 1 || !strings.Contains(text.String(), "\n  also failed, probably for the same reason: stream/chunking, stream/half-close, stream/concurrency\n") {
		t.Errorf("got %d remedies, want one:\n%s", n, &text)
	}
}

func TestOneByteThatHangsIsNotAnMTUHole(t *testing.T) {
	t.Parallel()
	got := runRule(t, echotest.NewBroken(t, echotest.WaitsForEightBytes()).URL(), "stream/size-sweep", check.Options{Timeout: time.Second})
	if got.Verdict != check.Fail || got.Evidence != check.NothingPassed || strings.Contains(got.Cause, "MTU") {
		t.Errorf("got %s %s: %s", got.Verdict, got.Evidence, got.Cause)
	}
}

func TestConcurrencyTellsAStalledPeerFromServingOneAfterAnother(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault    echotest.Fault
		evidence check.Evidence
		cause    string
	}{
		{echotest.BlocksBehindStalledReader(), check.StalledPeer, "blocks in writing"},
		{echotest.ServesOneAtATime(), check.NothingPassed, "one after another"},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			got := runRule(t, echotest.NewBroken(t, tt.fault).URL(), "stream/concurrency", check.Options{Timeout: 3 * time.Second})
			if got.Evidence != tt.evidence || !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("got %q, %s, want %q, %s\n%s", got.Evidence, got.Cause, tt.evidence, tt.cause, got.Detail)
			}
		})
	}
}

// A connect that fails in a crowd is about the accept queue only if a later one works.
func TestConcurrencyTellsABurstFromALimit(t *testing.T) {
	t.Parallel()
	// One connection stalls, five and five more exchange bytes. The crowd of ten is refused
	// from its sixth on.
	const before = 1 + 5 + 5
	for _, tt := range []struct {
		name     string
		refuses  int // connects
		evidence check.Evidence
	}{
		{"burst", 5, check.Burst},
		{"limit", 1000, check.ConnectionLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := serve(t)
			address := target.Address
			var mu sync.Mutex
			dials := 0
			target.Dial = func(ctx context.Context) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				if dials++; dials > before && dials <= before+tt.refuses {
					return nil, &net.OpError{Op: "dial", Err: errTimeout{}}
				}
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}
			rules := check.Rules()
			rule := rules[slices.IndexFunc(rules, func(r check.Rule) bool { return r.ID == "stream/concurrency" })]
			report := check.RunRule(t.Context(), target, check.Options{Conns: 10}, rule, nil)
			if got := report.Results[0]; got.Verdict != check.Fail || got.Evidence != tt.evidence {
				t.Errorf("got %s %s %q (%s), want %q", got.Verdict, got.Class, got.Evidence, got.Detail, tt.evidence)
			}
		})
	}
}

func TestAServerOfTextIsOneFinding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault    echotest.Fault
		rule     string
		evidence check.Evidence
		cause    string
	}{
		{echotest.EchoesLines(), "stream/first-byte", check.Lines, "reads lines"},
		{echotest.DecodesText(), "stream/binary-exact", check.DecodedAsText, "decodes the bytes as text"},
		{echotest.ClearsHighBit(), "stream/binary-exact", check.SevenBit, "seven data bits"},
		{echotest.SendsCRLF(), "stream/binary-exact", check.LineEnds, "text mode"},
		{echotest.SendsLF(), "stream/binary-exact", check.LineEnds, "text mode"},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(t.Context(), parse(t, echotest.NewBroken(t, tt.fault).URL()), check.Options{
				Timeout: 3 * time.Second, Rules: []string{"stream/first-byte", "stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/no-early-fin"},
			})
			if err != nil {
				t.Fatal(err)
			}
			report.WriteText(t.Output(), false)
			for _, result := range report.Results {
				switch {
				case result.Rule == tt.rule:
					if result.Evidence != tt.evidence || !strings.Contains(result.Cause, tt.cause) {
						t.Errorf("got %q, %s, want %q, %s", result.Evidence, result.Cause, tt.evidence, tt.cause)
					}
				case result.Verdict == check.Fail && result.ExplainedBy != tt.rule:
					t.Errorf("%s: explained by %q, want %s", result.Rule, result.ExplainedBy, tt.rule)
				}
			}
		})
	}
}

func TestEachKindOfWrongBytesHasItsCause(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault    echotest.Fault
		class    check.Class
		evidence check.Evidence
		cause    string
	}{
		{echotest.SendsZeros(), check.Corrupt, check.Zeros, "before it is filled"},
		{echotest.SendsBlockTwice(), check.Corrupt, check.Repeated, "short write"},
		{echotest.DropsBlock(), check.Corrupt, check.Missing, "short write"},
		{echotest.SwapsBlocks(), check.Corrupt, check.Moved, "two threads"},
		{echotest.SwapsBytes(), check.Corrupt, check.Moved, "two threads"},
		{echotest.SendsNextBlock(), check.Corrupt, check.Overwritten, "filled again"},
		{echotest.FlipsBits(), check.Corrupt, check.FlippedBit, "network card"},
		{echotest.ClearsHighBit(), check.Corrupt, check.SevenBit, "seven data bits"},
		{echotest.SendsCRLF(), check.Corrupt, check.LineEnds, "text mode"},
		{echotest.SendsLF(), check.Corrupt, check.LineEnds, "text mode"},
		{echotest.DecodesText(), check.Corrupt, check.DecodedAsText, "decodes the bytes as text"},
		{echotest.AddsByte(), check.ExtraBytes, check.Added, "inserts bytes"},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			got := runRule(t, echotest.NewBroken(t, tt.fault).URL(), "stream/bulk", check.Options{Bulk: 4 << 20, Seed: 7})
			t.Log(got.Detail)
			if got.Verdict != check.Fail || got.Class != tt.class || got.Evidence != tt.evidence || !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("got %s %s %q: %s\nwant %s %q: %s", got.Verdict, got.Class, got.Evidence, got.Cause, tt.class, tt.evidence, tt.cause)
			}
			if hardware := strings.Contains(got.Cause, "network card"); hardware != (tt.evidence == check.FlippedBit) {
				t.Errorf("%s: the cause blames hardware: %s", tt.evidence, got.Cause)
			}
		})
	}
}

// The client waits for the lost bytes before it sends more, so none follow by themselves.
func TestLostBytesAtTheEndOfARoundAreNoDeadlock(t *testing.T) {
	t.Parallel()
	target := servedBy(t, func(c net.Conn) {
		buf := make([]byte, 32<<10)
		for passed := 0; ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			kept := n
			if passed < 5000 && passed+n >= 5000 {
				kept = 5000 - passed
			}
			passed += n
			c.Write(buf[:kept])
		}
	})
	report, err := check.Run(t.Context(), target, check.Options{Rules: []string{"stream/bulk"}, Seed: 7, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	got := report.Results[0]
	wantDetail(t, got, check.Fail, check.Corrupt, `^\d+ bytes are missing at byte 5000$`)
	if got.Evidence != check.Missing {
		t.Errorf("got the evidence %q", got.Evidence)
	}
}
