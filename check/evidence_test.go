package check

import (
	"bytes"
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
	damaged := func(change func(b []byte)) []byte {
		b := sent(1, 0, total)
		change(b[at:])
		return b
	}
	tests := []struct {
		name     string
		got      []byte
		class    Class
		evidence Evidence
		detail   string
	}{
		{"one changed", damaged(func(b []byte) { b[0] ^= 0x55 }), Corrupt, Changed, "byte 5000 differs from the byte that was sent"},
		{"one bit in each 8 KiB", damaged(func(b []byte) {
			for i := 0; i < len(b); i += 8 << 10 {
				b[i] ^= 0x10
			}
		}), Corrupt, FlippedBit, "one bit (0x10) of byte 5000 is wrong"},
		{"two bytes swapped", damaged(func(b []byte) { b[0], b[3] = b[3], b[0] }), Corrupt, Moved, "bytes 5000 to 5003 arrived in another order"},
		{"a block of zeros", damaged(func(b []byte) { clear(b[:gap]) }), Corrupt, Zeros, "9216 zero bytes are in place of those from byte 5000 on"},
		{"zeros up to the end", damaged(func(b []byte) { clear(b) }), Corrupt, Zeros, "56440 zero bytes are in place of those from byte 5000 on"},
		{"earlier bytes in place of a block", damaged(func(b []byte) { copy(b, sent(1, at-4096, at)) }), Corrupt, Overwritten,
			"4096 bytes from byte 5000 on are those of byte 904; the bytes after them are right"},
		{"later bytes in place of a block", damaged(func(b []byte) { copy(b[:4096], b[4096:]) }), Corrupt, Overwritten,
			"4096 bytes from byte 5000 on are those of byte 9096; the bytes after them are right"},
		{"4 KiB twice", slices.Concat(sent(1, 0, at), sent(1, at-4096, total)), Corrupt, Repeated,
			"byte 5000 differs from the byte that was sent; the bytes there are those of byte 904, which had arrived before"},
		{"12 bytes twice", slices.Concat(sent(1, 0, at), sent(1, at-12, total)), Corrupt, Repeated,
			"byte 5000 differs from the byte that was sent; the bytes there are those of byte 4988, which had arrived before"},
		{"4 KiB missing", slices.Concat(sent(1, 0, at), sent(1, at+4096, total)), Corrupt, Missing, "4096 bytes are missing at byte 5000"},
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

func TestConvertedBytesAreToldFromDamagedOnes(t *testing.T) {
	text := strings.NewReplacer("\n", "\r\n")
	tests := []struct {
		name    string
		convert func(sent string) string
		want    Evidence
		found   string
	}{
		{"LF to CR LF", text.Replace, LineEnds, "LF is converted to CR LF"},
		{"CR LF to LF", func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }, LineEnds, "CR LF is converted to LF"},
		{"CR to LF", func(s string) string { return strings.ReplaceAll(s, "\r", "\n") }, LineEnds, "CR is converted to LF"},
		{"a terminal", func(s string) string { return text.Replace(strings.ReplaceAll(s, "\r", "\n")) }, LineEnds, "CR and LF are converted to CR LF"},
		{"without CR", func(s string) string { return strings.ReplaceAll(s, "\r", "") }, LineEnds, "CR is removed"},
		{"seven bits", func(s string) string { return string(above(func(c byte) byte { return c & 0x7f })([]byte(s))) }, SevenBit, "the highest bit of each byte is cleared"},
		{"question marks", func(s string) string { return string(above(func(byte) byte { return '?' })([]byte(s))) }, DecodedAsText, "to a question mark"},
		{"replacement characters", func(s string) string { return string([]rune(s)) }, DecodedAsText, "to UTF-8"},
		{"one replacement character for several bytes", func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }, DecodedAsText, "to UTF-8"},
		{"ISO 8859-1 to UTF-8", func(s string) string {
			var runes []rune
			for _, c := range []byte(s) {
				runes = append(runes, rune(c))
			}
			return string(runes)
		}, DecodedAsText, "to UTF-8"},
		{"a reply in ASCII", func(string) string { return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" }, Changed, ""},
		{"another reply", func(string) string { return "Ungültige Anfrage: die Verbindung wird beendet\r\n" }, Changed, ""},
	}
	for _, tt := range tests {
		sent := nextBytes(payload(7, concurrency.ID, 1), 256<<10) // with some CR LF
		f := failureOf(t, []byte(tt.convert(string(sent))))
		if f.evidence != tt.want || !strings.Contains(f.detail, tt.found) || f.class != Corrupt {
			t.Errorf("%s: got %s %s (%s), want %s (%s)", tt.name, f.class, f.evidence, f.detail, tt.want, tt.found)
		}
	}
}

// The first message of stream/binary-exact is short, and is not a payload.
func TestConversionsAreRecognizedInAllValues(t *testing.T) {
	all := []byte(allValues())
	for _, c := range conversions {
		got := c.convert(all)
		got = got[:min(len(got), len(all))]
		bad := firstDifference(got, all[:len(got)])
		if bad < 0 {
			continue // there is no CR LF
		}
		f := checkBytes(got, all[:len(got)], bytes.NewReader(all[len(got):]), 0)
		f.received = got[bad:]
		(&probe{}).locate(f)
		if f.evidence != c.evidence || f.detail != c.found {
			t.Errorf("%s: got %s, %s", c.found, f.evidence, f.detail)
		}
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
		{concurrency, Timeout, ConnectionLimit, "NAT", []string{queue}},
		{concurrency, Timeout, NothingPassed, "one after another", []string{queue}},
		{bulk, Corrupt, Changed, hardware, nil},
		{bulk, Corrupt, Moved, "order", []string{hardware}},
		{bulk, Corrupt, OtherConnection, "Bytes of one client", []string{hardware}},
		{bulk, Corrupt, Missing, "short write", []string{hardware}},
		{bulk, Corrupt, FlippedBit, hardware, []string{"buffer"}},
		{bulk, Corrupt, Overwritten, "filled again", []string{hardware}},
		{bulk, Corrupt, Zeros, "before it is filled", []string{hardware}},
		{bulk, Corrupt, LineEnds, "text mode", []string{hardware}},
		{bulk, Corrupt, SevenBit, "serial line", []string{hardware}},
		{bulk, Corrupt, DecodedAsText, "decodes the bytes as text", []string{hardware}},
		{binaryExact, Corrupt, LineEnds, "text mode", []string{"protocol"}},
		{binaryExact, Corrupt, SevenBit, "serial line", []string{"protocol"}},
		{binaryExact, ExtraBytes, Added, "protocol", []string{hardware}},
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

// concurrencyOn returns the result of stream/concurrency on a server that calls serve for
// each connection. n is the number of the connection since the rule has started: 0 is the
// stalled client, then come the five others.
func concurrencyOn(t *testing.T, timeout time.Duration, serve func(n int, c net.Conn)) Result {
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
	return report.Results[0]
}

func TestASlowPathIsNoFailureOfConcurrency(t *testing.T) {
	t.Parallel()
	got := concurrencyOn(t, time.Second, func(n int, c net.Conn) {
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
	if got.Verdict != Skip || !strings.Contains(got.Detail, "too slow for this number of clients") {
		t.Errorf("got %s %s (%s), want a skip", got.Verdict, got.Evidence, got.Detail)
	}
}

// A kernel whose accept queue was full sends its SYN-ACK again after 1 s, 3 s and 7 s. So
// some clients are served late, and others not within the timeout.
func TestABacklogIsNotASlowPath(t *testing.T) {
	t.Parallel()
	const timeout = 6 * time.Second
	got := concurrencyOn(t, timeout, func(n int, c net.Conn) {
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
	if got.Verdict != Fail || got.Evidence != Burst {
		t.Errorf("got %s %s (%s), want a failure with %s", got.Verdict, got.Evidence, got.Detail, Burst)
	}
}
