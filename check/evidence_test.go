package check

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// failureOf returns the failure of a connection of stream/concurrency, which expects the
// payload of connection 1, when got arrives and the stream then ends.
func failureOf(t *testing.T, got []byte) *failure {
	t.Helper()
	p := &probe{rule: concurrency.ID, Options: Options{Seed: 7, Conns: 5}}
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		server.Write(got)
		server.Close()
	}()
	s := &stream{Conn: client, timeout: 10 * time.Second, release: func() bool { return true }}
	f, ok := errors.AsType[*failure](s.expect(p.payload(1), len(got)))
	if !ok {
		t.Fatal("the rule passed")
	}
	p.locate(f)
	return f
}

// A case of a rule is named in front of what was found.
func TestWhatWasFoundKeepsTheNameOfTheCase(t *testing.T) {
	p := &probe{rule: concurrency.ID, Options: Options{Seed: 7, Conns: 5}}
	sent := nextBytes(p.payload(1), 2000)
	f := checkBytes(sent[500:], nextBytes(p.payload(1), 1500), p.payload(1), 0)
	f.received = sent[500:]
	inCase("5 clients", f)
	p.locate(f)
	if want := "5 clients: 500 bytes are missing at byte 0"; f.detail != want {
		t.Errorf("got %q, want %q", f.detail, want)
	}
}

func TestWrongBytesAreLookedForInEverythingThatWasSent(t *testing.T) {
	sent := func(conn, from, to int) []byte {
		return nextBytes(payload(7, concurrency.ID, conn), to)[from:]
	}
	const at, gap, total = 5000, 9 << 10, 60 << 10
	changed := sent(1, 0, total)
	changed[at] ^= 0x55
	tests := []struct {
		name     string
		got      []byte
		class    Class
		evidence Evidence
		detail   string
	}{
		{"one changed", changed, Corrupt, Changed, "byte 5000 differs from the byte that was sent"},
		{"two blocks of 9 KiB changed places", slices.Concat(sent(1, 0, at), sent(1, at+gap, at+2*gap), sent(1, at, at+gap), sent(1, at+2*gap, total)),
			Corrupt, Moved, "byte 5000 differs from the byte that was sent; the bytes there belong to byte 14216: the order changed"},
		{"two blocks of 10 bytes changed places", slices.Concat(sent(1, 0, at), sent(1, at+10, at+20), sent(1, at, at+10), sent(1, at+20, total)),
			Corrupt, Moved, "byte 5000 differs from the byte that was sent; the bytes there belong to byte 5010: the order changed"},
		{"9 KiB missing", slices.Concat(sent(1, 0, at), sent(1, at+gap, total)), Corrupt, Missing, "9216 bytes are missing at byte 5000"},
		{"1000 bytes twice", slices.Concat(sent(1, 0, at), sent(1, at-1000, total)),
			Corrupt, Repeated, "byte 5000 differs from the byte that was sent; the bytes there are those of byte 4000, which had arrived before"},
		{"bytes of another client", slices.Concat(sent(1, 0, at), sent(4, at, total)),
			Corrupt, OtherConnection, "byte 5000 differs from the byte that was sent; the bytes there are those of byte 5000 of another connection"},
		{"100 bytes inserted", slices.Concat(sent(1, 0, at), make([]byte, 100), sent(1, at, total)),
			ExtraBytes, Added, "100 extra bytes arrived at byte 5000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := failureOf(t, tt.got)
			if f.class != tt.class || f.evidence != tt.evidence || f.detail != tt.detail || f.offset != at {
				t.Errorf("got  %s, %s at %d: %s\nwant %s, %s at %d: %s", f.class, f.evidence, f.offset, f.detail, tt.class, tt.evidence, at, tt.detail)
			}
		})
	}
}

// Only the first cause that fits is in a report, so what must not be blamed must not be
// in it.
func TestCausesFitWhatWasSeen(t *testing.T) {
	const mtu, queue, hardware, conntrack = "MTU", "accept queue", "network card", "nf_conntrack_tcp_be_liberal"
	tests := []struct {
		rule     Rule
		class    Class
		evidence Evidence
		has      string
		hasNot   []string
	}{
		{sizeSweep, Timeout, SizeLimit, mtu, nil},
		{sizeSweep, Timeout, NothingPassed, "stream/first-byte", []string{mtu}},
		{sizeSweep, Corrupt, Changed, "changed", []string{mtu, "longer ones"}},
		{concurrency, Timeout, Burst, queue, nil},
		{concurrency, Timeout, StalledPeer, "does not read", []string{queue}},
		{concurrency, Timeout, SlowPath, "slow link", []string{queue}},
		{concurrency, Timeout, ConnectionLimit, "NAT", []string{queue}},
		{concurrency, Timeout, NothingPassed, "one after another", []string{queue}},
		{bulk, Corrupt, Changed, hardware, nil},
		{bulk, Corrupt, Moved, "order", []string{hardware}},
		{bulk, Corrupt, OtherConnection, "Bytes of one client", []string{hardware}},
		{bulk, Corrupt, Missing, "short write", []string{hardware}},
		{bulk, Reset, "", conntrack, nil},
		{bulk, Timeout, "", "deadlock", []string{conntrack}},
		{bulk, Timeout, NothingPassed, "stream/size-sweep", []string{"deadlock"}},
		{halfClose, Timeout, NothingPassed, "stream/first-byte", []string{"closes both"}},
		{chunking, Timeout, "", "The stream stops", []string{"changed"}},
		{firstByte, Corrupt, Changed, "changed", []string{"stores"}},
	}
	for _, tt := range tests {
		result := newResult(tt.rule, "", &failure{class: tt.class, evidence: tt.evidence, offset: -1})
		text := strings.Join([]string{result.Meaning, result.Cause, result.Remedy}, "\n")
		if !strings.Contains(text, tt.has) {
			t.Errorf("%s, %s, %s: want %q in\n%s", tt.rule.ID, tt.class, tt.evidence, tt.has, text)
		}
		for _, not := range tt.hasNot {
			if strings.Contains(text, not) {
				t.Errorf("%s, %s, %s: do not want %q in\n%s", tt.rule.ID, tt.class, tt.evidence, not, text)
			}
		}
	}
}

func TestEveryKindOfEvidenceHasAMeaning(t *testing.T) {
	seen := make(map[Evidence]bool)
	for _, e := range Evidences() {
		if seen[e.Evidence] || e.Meaning == "" {
			t.Errorf("%q is listed twice or has no meaning", e.Evidence)
		}
		seen[e.Evidence] = true
	}
	for _, r := range append(Rules(), Rule{ID: "all", Causes: CommonCauses()}) {
		for _, c := range r.Causes {
			for _, e := range c.Evidence {
				if !seen[e] {
					t.Errorf("%s: unknown evidence %q", r.ID, e)
				}
			}
			if c.Text == "" || c.Remedy == "" {
				t.Errorf("%s: a cause is incomplete: %+v", r.ID, c)
			}
		}
	}
}

// wantConcurrencyEvidence fails t unless stream/concurrency fails with this evidence on a
// server that calls serve for each connection. n is the number of the connection since the
// rule has started: 0 is the stalled client, then come the five others.
func wantConcurrencyEvidence(t *testing.T, want Evidence, timeout time.Duration, serve func(n int, c net.Conn)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var next atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(next.Add(1)) - 1
			go func() {
				defer c.Close()
				serve(n, c)
			}()
		}
	}()
	report, err := Run(t.Context(), Target{Network: "tcp", Address: l.Addr().String()}, Options{
		Rules: []string{concurrency.ID}, Conns: 5, Timeout: timeout,
		Progress: func(p Progress) {
			if p.Result == nil {
				next.Store(0)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Results[0]; got.Verdict != Fail || got.Evidence != want {
		t.Errorf("got %s %s %s (%s), want %s", got.Verdict, got.Class, got.Evidence, got.Detail, want)
	}
}

func TestASlowPathIsNotABacklog(t *testing.T) {
	t.Parallel()
	wantConcurrencyEvidence(t, SlowPath, time.Second, func(n int, c net.Conn) {
		if n%5 == 4 {
			io.Copy(io.Discard, c)
			return
		}
		for buf := make([]byte, 256); ; time.Sleep(20 * time.Millisecond) { // a slow link
			n, err := c.Read(buf)
			c.Write(buf[:n])
			if err != nil {
				return
			}
		}
	})
}

// A kernel whose accept queue was full sends its SYN-ACK again after 1 s, 3 s and 7 s. So
// some clients are served late, and others not within the timeout.
func TestABacklogIsNotASlowPath(t *testing.T) {
	t.Parallel()
	const timeout = 6 * time.Second
	wantConcurrencyEvidence(t, Burst, timeout, func(n int, c net.Conn) {
		switch n {
		case 3:
			io.Copy(io.Discard, c)
		case 4:
			time.Sleep(timeout * 2 / 3)
			fallthrough
		default:
			io.Copy(c, c)
		}
	})
}
