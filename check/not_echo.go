package check

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// NotEcho is what a target does that returned nothing of what was sent.
type NotEcho struct {
	Kind   Kind
	Detail string // what it does, in a few words, e.g. "it answers like HTTP"
	Seen   string // what happened on each connection
	Got    string // the first bytes that it sent; "" if it sent none
	Remedy string
}

// Kind is the kind of a target that is not an echo, in one word that programs can rely on.
type Kind string

const (
	KindHTTP     Kind = "http"
	KindTLS      Kind = "tls"
	KindText     Kind = "text"
	KindBinary   Kind = "binary"
	KindEndless  Kind = "endless"
	KindSilent   Kind = "silent"
	KindCloses   Kind = "closes"
	KindDiscards Kind = "discards"
)

// KindMeaning is a kind and what it means.
type KindMeaning struct {
	Kind    Kind
	Meaning string
}

// Kinds returns all kinds, in the order of docs/rules.md.
func Kinds() []KindMeaning {
	return []KindMeaning{
		{KindHTTP, "it answers like HTTP"},
		{KindTLS, "it speaks TLS, and the check did not: try tls://"},
		{KindText, "it sends text of its own, e.g. a greeting, which the report quotes"},
		{KindBinary, "it sends other bytes of its own"},
		{KindEndless, "it sends without end"},
		{KindSilent, "it accepts connections and never answers"},
		{KindCloses, "it accepts connections and closes them, as a proxy does whose server is down"},
		{KindDiscards, "it reads to the end of the stream and answers nothing"},
	}
}

// notEchoRule and notEchoClass name a NotEcho in JUnit XML and TAP, where it has the
// place of a rule.
const (
	notEchoRule  = "target/identify"
	notEchoClass = Class("not-an-echo")
)

const checkThePort = "check the port in the URL"

// describeStreams says what a target is, from what happened on a connection and on a
// half-closed one.
func describeStreams(first, halfClosed contact) *NotEcho {
	got := first.got
	if len(got) == 0 {
		got = halfClosed.got
	}
	switch {
	case len(got) > 0:
		n := describeBytes(got)
		if n.Kind != KindHTTP && max(len(first.got), len(halfClosed.got)) >= endlessLen {
			n.Kind, n.Detail = KindEndless, "it sends without end"
		}
		return n
	case first.end != Timeout:
		when := "at once"
		if d := max(first.elapsed, halfClosed.elapsed); d >= time.Second {
			when = "after " + formatDuration(d)
		}
		return &NotEcho{Kind: KindCloses, Detail: "it accepts connections and closes them " + when,
			Remedy: "is the server behind it running? If it is, " + checkThePort}
	case halfClosed.end != Timeout:
		return &NotEcho{Kind: KindDiscards, Detail: "it discards what it receives", Remedy: checkThePort}
	}
	if first.unacked && halfClosed.unacked {
		return &NotEcho{Kind: KindSilent, Detail: "it accepts connections, and what is sent then is not acknowledged",
			Remedy: "packets are lost after the handshake: look with tcpdump on both sides; a firewall that sees one direction only (asymmetric routing) drops them as INVALID"}
	}
	return &NotEcho{Kind: KindSilent, Detail: "it accepts connections and never answers",
		Remedy: "is the server stopped, or slower than --timeout or a third of --budget? If not, " + checkThePort}
}

// describeBytes says what a target is that sent got.
func describeBytes(got []byte) *NotEcho {
	n := &NotEcho{Got: excerpt(got), Remedy: checkThePort}
	line, _, _ := bytes.Cut(got, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	said := line[:min(len(line), 60)]
	if i := slices.IndexFunc(said, func(c byte) bool { return !printable(c) }); i >= 0 {
		said = said[:i]
	}
	switch {
	case isHTTP(got):
		n.Kind, n.Detail = KindHTTP, "it answers like HTTP"
	case len(got) >= 9 && bytes.Equal(got[3:9], []byte{4, 0, 0, 0, 0, 0}): // a SETTINGS frame, RFC 9113 section 6.5
		n.Kind, n.Detail = KindHTTP, "it answers like HTTP/2"
	case bytes.HasPrefix(got, []byte{0x15, 3}): // an alert, RFC 8446 section 5.1
		n.Kind, n.Detail = KindTLS, "it speaks TLS"
	case len(said) >= 4 || len(said) > 0 && len(said) == len(line):
		n.Kind, n.Detail = KindText, fmt.Sprintf("it said %q", said)
		if len(said) < len(line) {
			n.Detail += "…"
		}
	default:
		n.Kind, n.Detail = KindBinary, "it sends bytes of its own"
	}
	return n
}

// rows explains n.
func (n *NotEcho) rows() []Row {
	rows := []Row{{"seen", n.Seen}}
	if n.Got != "" {
		rows = append(rows, Row{"got", n.Got})
	}
	return append(rows, Row{"remedy", n.Remedy + "; --anyway runs the rules on this target"})
}

// Explain returns the verdict and what was seen, for people.
func (n *NotEcho) Explain() string {
	t := newText(TextStyle{})
	t.line("%s", n.Summary())
	t.rows(n.rows())
	return t.String()
}

// testCase returns n in the place of a rule.
func (n *NotEcho) testCase(elapsed time.Duration) testCase {
	return testCase{rule: notEchoRule, verdict: Error, class: notEchoClass, message: n.Summary(),
		rows: append([]Row{{"kind", string(n.Kind)}}, n.rows()...), elapsed: elapsed}
}

// Summary returns the verdict in one line, without a full stop.
func (n *NotEcho) Summary() string { return "this is not an echo: " + n.Detail }
