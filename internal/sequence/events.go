package sequence

import (
	"fmt"
	"strings"
	"time"

	"echod/internal/trace"
)

// Kind is what an Event is.
type Kind string

// The kinds of events. Only those that move something between the two ends have an arrow.
const (
	Connected   Kind = "connected"
	Sent        Kind = "sent"         // Bytes by this end
	Received    Kind = "received"     // Bytes from the peer
	FIN         Kind = "fin"          // by this end
	RST         Kind = "rst"          // by this end
	PeerFIN     Kind = "peer-fin"     // from the peer
	PeerRST     Kind = "peer-rst"     // from the peer
	FailedCall  Kind = "failed"       // a call moved nothing; Step says why
	Unread      Kind = "unread"       // Bytes have arrived and are not read
	Closed      Kind = "closed"       // when a FIN or an RST was before it
	Notified    Kind = "notified"     // by this end: the close_notify of TLS
	NotKept     Kind = "not-kept"     // of Calls steps: Bytes sent and Back received
	FailureSeen Kind = "failure-seen" // the program found a failure
)

// Event is something that happened on a connection, as the program at one end saw it.
type Event struct {
	Kind        Kind
	At          time.Duration // since the beginning of the life
	Bytes, Back int64
	Calls       int // that it consists of
	Step        *Step
	// Before is how long nothing had happened before the event. If Waited, a call that receives
	// waited during all of that time: nothing has arrived.
	Before time.Duration
	Waited bool
}

// Events returns what happened on the connection. Calls that move bytes in the same direction, one
// directly after the other, are one event.
func (l *Life) Events() (events []Event) {
	for i := range l.Steps {
		s := &l.Steps[i]
		var now []Event
		add := func(kind Kind, bytes int64) {
			now = append(now, Event{Kind: kind, At: s.At, Bytes: bytes, Calls: 1, Step: s})
		}
		switch s.Op {
		case trace.Connect, trace.Accept:
			add(Connected, 0)
		case trace.Send:
			if s.N > 0 {
				add(Sent, int64(s.N))
			}
		case trace.Receive:
			if s.N > 0 {
				add(Received, int64(s.N))
			}
		case trace.Peek:
			add(Unread, int64(s.N))
		case trace.Omitted:
			now = append(now, Event{Kind: NotKept, At: s.At, Bytes: s.Record.Sent, Back: s.Record.Received, Calls: s.N, Step: s})
		case trace.Found:
			add(FailureSeen, 0)
		case trace.Close:
			if !s.Finished && !s.Reset {
				add(Closed, 0)
			}
		case trace.CloseNotify:
			if s.Errno == "" {
				add(Notified, 0)
			}
		}
		for _, one := range []struct {
			happened bool
			kind     Kind
		}{{s.PeerFinished, PeerFIN}, {s.PeerReset, PeerRST}, {s.Finished, FIN}, {s.Reset, RST}} {
			if one.happened {
				add(one.kind, 0)
			}
		}
		if s.Errno != "" && !s.PeerReset && !s.PeerFinished && s.Op != trace.Close {
			add(FailedCall, 0)
		}
		if i > 0 && len(now) > 0 {
			now[0].Before, now[0].Waited = l.before(i)
		}
		events = append(events, now...)
	}
	return merged(events)
}

// before returns how long nothing had happened before step i, and whether a call that receives
// waited for all of that time.
func (l *Life) before(i int) (quiet time.Duration, waited bool) {
	last := l.Steps[i-1].At
	begun := l.Steps[i].At
	if l.Steps[i].Op == trace.Omitted {
		begun -= l.Steps[i].Took // it stands for steps that took that long together
	}
	quiet = begun - last
	for j := i; j < len(l.Steps); j++ {
		if s := &l.Steps[j]; s.Op == trace.Receive && s.At-s.Took <= last+quiet/16 {
			return quiet, true
		}
	}
	return quiet, false
}

// untilFailure returns the events until the program found a failure, and then only how the
// connection ended: what it received later helped to describe the failure.
func (l *Life) untilFailure() (events []Event) {
	found := false
	for _, e := range l.Events() {
		switch {
		case !found:
		case e.Kind == FIN, e.Kind == RST, e.Kind == Closed, e.Kind == Notified:
			e.Before = 0
		default:
			continue
		}
		found = found || e.Kind == FailureSeen
		events = append(events, e)
	}
	return events
}

// merged returns events with those together that move bytes in the same direction without a pause.
func merged(events []Event) (all []Event) {
	for _, e := range events {
		if n := len(all); n > 0 && e.Before < shownPause && (e.Kind == Sent || e.Kind == Received) && all[n-1].Kind == e.Kind {
			last := &all[n-1]
			last.Bytes, last.Calls, last.At, last.Step = last.Bytes+e.Bytes, last.Calls+e.Calls, e.At, e.Step
			continue
		}
		all = append(all, e)
	}
	return all
}

// Words returns the event in a few words.
func (e *Event) Words() string {
	calls := ""
	if e.Calls > 1 {
		calls = fmt.Sprintf(" in %d calls", e.Calls)
	}
	switch e.Kind {
	case Connected:
		return "connected"
	case Sent:
		return "sent " + bytesOf(e.Bytes) + calls
	case Received:
		return "received " + bytesOf(e.Bytes) + calls
	case FIN:
		return "sent FIN"
	case RST:
		return "sent RST"
	case Notified:
		return "sent close_notify"
	case PeerFIN:
		switch {
		case e.notify():
			return "received close_notify"
		case e.Step.Errno == truncated:
			return "received FIN without close_notify"
		}
		return "received FIN"
	case PeerRST:
		return "received RST"
	case Unread:
		return bytesOf(e.Bytes) + " not read"
	case Closed:
		return "closed"
	case NotKept:
		return fmt.Sprintf("%d more calls: sent %s, received %s", e.Calls, bytesOf(e.Bytes), bytesOf(e.Back))
	case FailureSeen:
		return e.Step.Why
	}
	return callWords(e.Step)
}

// notify reports whether the event is a close_notify of the peer.
func (e *Event) notify() bool { return e.Step.Result == "close_notify" }

// callWords says which call has failed, and how.
func callWords(s *Step) string {
	what := map[trace.Op]string{trace.Receive: "receiving", trace.Send: "sending", trace.Shutdown: "half-closing"}[s.Op]
	if what == "" {
		what = s.Call
	}
	if s.Errno == "i/o timeout" {
		return what + " timed out"
	}
	return what + " failed: " + s.Errno
}

// shownPause is the shortest time without an event that is shown.
const shownPause = 10 * time.Millisecond

// quiet returns the time without an event, in words; "" if it is short.
func (e *Event) quiet() string {
	switch {
	case e.Before < shownPause:
		return ""
	case e.Waited:
		return "nothing for " + trace.Short(e.Before)
	}
	return "no call for " + trace.Short(e.Before)
}

func bytesOf(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// shownWords is how many of the last events Summary has.
const shownWords = 6

// Summary returns the last events until the program found a failure, or until the end, in one line.
// Bytes that moved without a long pause are counted together, however many calls moved them.
func (l *Life) Summary() string {
	const longPause = 10 * shownPause
	var words []string
	var sent, received int64
	flush := func() {
		if sent > 0 {
			words = append(words, "sent "+bytesOf(sent))
		}
		if received > 0 {
			words = append(words, "received "+bytesOf(received))
		}
		sent, received = 0, 0
	}
	for _, e := range l.Events() {
		if e.Kind == FailureSeen {
			break
		}
		moves := e.Kind == Sent || e.Kind == Received || e.Kind == NotKept
		if quiet := e.quiet(); !moves || e.Before >= longPause {
			if flush(); quiet != "" {
				words = append(words, quiet)
			}
		}
		switch e.Kind {
		case Sent:
			sent += e.Bytes
		case Received:
			received += e.Bytes
		case NotKept:
			sent, received = sent+e.Bytes, received+e.Back
		default:
			words = append(words, e.Words())
		}
	}
	flush()
	if skipped := len(words) - shownWords; skipped > 0 {
		words = append([]string{"…"}, words[skipped:]...)
	}
	return strings.Join(words, ", ")
}
