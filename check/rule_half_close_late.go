package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
)

var halfCloseLate = Rule{
	ID:       "stream/half-close-late",
	Networks: withAgent,
	Needs:    []string{"--agent"},
	Sends:    "data and a FIN to the agent, which answers 1 s later, with keepalive off at both ends; with --long, also up to 70 s later, with keepalive off and on at both ends",
	Expects:  "all of it, then a FIN",
	Meaning:  "A connection on which only the server still sends is dropped after a while: late answers are lost.",
	Causes: []Cause{
		{
			Evidence: []Evidence{KeepaliveHelps},
			Meaning:  "A half-closed connection that is silent for a while is dropped: late answers are lost, unless one end sends keepalives.",
			Text:     "a NAT, firewall or load balancer with a short timeout for silent half-closed connections (Linux: nf_conntrack_tcp_timeout_close_wait, 60 s, and _fin_wait, 120 s; others: 20 s)",
			Remedy:   "enable TCP keepalive at one end, with a TCP_KEEPIDLE and a TCP_KEEPINTVL that are shorter than the timeout, e.g. 15 s; or " + raiseHalfClosed,
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{AnswerLost},
			Meaning:  "A half-closed connection is dropped after a while and the client is not informed: late answers are lost.",
			Text:     "a NAT, firewall or load balancer that drops the state of a half-closed connection (Linux: nf_conntrack_tcp_timeout_close_wait, 60 s, and _fin_wait, 120 s)",
			Remedy:   raiseHalfClosed + "; or enable TCP keepalive at one end, with a TCP_KEEPIDLE that is shorter than the time after which the answer is lost (--long reports whether 15 s helps)",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{FINLost},
			Meaning:  "The client's FIN does not arrive: a server that reads to the end waits forever, and so does its client.",
			Text:     "a proxy that does not forward the FIN, or a path that has dropped the connection before it",
			Remedy:   finMissing.Remedy,
		},
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a timeout for half-closed connections, or a proxy that closes both directions when the client sends a FIN",
			Remedy:  "nginx stream: proxy_half_close on; socat: a longer -t; haproxy: a longer timeout client-fin; others: a longer timeout after a FIN",
		},
		finMissing,
	},
	extraTime: func(o Options) time.Duration {
		if o.Long {
			return longestLateDelay
		}
		return 0
	},
	run: runHalfCloseLate,
}

// raiseHalfClosed is the remedy for a NAT with a short timeout.
const raiseHalfClosed = "increase the timeout (Linux: sysctl net.netfilter.nf_conntrack_tcp_timeout_close_wait and net.netfilter.nf_conntrack_tcp_timeout_fin_wait; kube-proxy: --conntrack-tcp-timeout-close-wait)"

const longestLateDelay = 70 * time.Second

// lateDelays are the delays of the answers. Timeouts are round numbers, so most of the
// delays lie between those.
var lateDelays = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second,
	35 * time.Second, 45 * time.Second, 55 * time.Second, longestLateDelay,
}

func runHalfCloseLate(p *probe) error {
	if !p.Long {
		return expectLateAnswers(p, lateDelays[:1], keepalive, "")
	}
	longest, limit, err := p.longestDelay(longestLateDelay)
	if err != nil {
		return err
	}
	var delays []time.Duration
	for _, d := range lateDelays {
		if d < longest {
			delays = append(delays, d)
		}
	}
	return expectLateAnswers(p, append(delays, longest), keepalive, limit)
}

// expectLateAnswers expects an answer after each of the delays, which increase: with
// keepalive off, and with keepalive if a probe comes before the answer. All connections
// are open at the same time. limit is for the note.
func expectLateAnswers(p *probe, delays []time.Duration, keepAlive time.Duration, limit string) error {
	n := len(delays)
	short, _ := slices.BinarySearch(delays, keepAlive+1) // how many are too short for a probe
	ends := make([]silence, n+n-short)                   // first with keepalive off
	err := atOnce(len(ends), func(i int) (err error) {
		if i < n {
			ends[i], err = p.awaitLateAnswer(i, delays[i], 0)
		} else {
			ends[i], err = p.awaitLateAnswer(i, delays[short+i-n], keepAlive)
		}
		return err
	})
	if err != nil {
		return err
	}
	off, on := newLateSeries(0, ends[:n]), newLateSeries(keepAlive, ends[n:])
	detail := off.String()
	if on.end != (silence{}) {
		detail += "; " + on.String()
	}
	worst := off.end
	if worst.fate == survived {
		worst = on.end
	}
	class, failed := map[fate]Class{lost: Silent, finished: PrematureEOF, aborted: Reset}[worst.fate]
	if !failed {
		p.setNote("%s%s", detail, limit)
		return nil
	}
	f := fail(class, "%s", detail)
	f.foundOn(worst.on)
	if on.end.fate == survived {
		f.evidence = KeepaliveHelps
	} else if class == Silent {
		f.evidence = AnswerLost
	}
	return f
}

// lateSeries is what happened to connections with the same keepalive.
type lateSeries struct {
	keepAlive time.Duration // between two probes, at both ends; 0 is off
	end       silence       // the first that was not survived, or the longest; zero if there was no connection
	before    time.Duration // the next shorter one, which was survived; 0 if there is none
}

func newLateSeries(keepAlive time.Duration, ends []silence) lateSeries {
	s := lateSeries{keepAlive: keepAlive}
	if len(ends) > 0 {
		s.end, s.before = earliestEnd(ends, 0, 0)
	}
	return s
}

func (s lateSeries) String() string {
	how, after := "with keepalive off", rounded(s.end.after)
	if s.keepAlive > 0 {
		how = fmt.Sprintf("with keepalive every %v at both ends", s.keepAlive)
	}
	switch {
	case s.end.fate == survived:
		return fmt.Sprintf("passes %s, up to %v after the FIN", how, after)
	case s.end.fate != lost:
		return fmt.Sprintf("the connection %s %v after the client's FIN, %s", s.end.fate, after, how)
	case s.before == 0:
		return fmt.Sprintf("lost %s, less than %v after the FIN", how, after)
	}
	return fmt.Sprintf("lost %s, between %v and %v after the FIN", how, rounded(s.before), after)
}

// awaitLateAnswer returns what happened to a connection on which the agent answers that
// long after the FIN. A loss is one only if the agent has sent the answer.
func (p *probe) awaitLateAnswer(i int, delay, keepAlive time.Duration) (end silence, err error) {
	defer func() {
		if err != nil {
			err = inCase(fmt.Sprintf("answered %v after the FIN", delay), err)
		}
	}()
	params := agent.Params{"delay": int(delay.Milliseconds()), "keepalive": int(keepAlive / time.Second)}
	s, err := p.startHalfClosable("answer-late", params)
	if err != nil {
		return silence{}, err
	}
	defer s.Close()
	if err := dial.SetKeepAlive(s.Conn, keepAlive); err != nil {
		return silence{}, fmt.Errorf("setting keepalive: %w", err)
	}
	const n = 4 << 10
	if err := s.sendFrom(p.payload(i), n); err != nil {
		return silence{}, err
	}
	if err := s.closeWrite(); err != nil {
		return silence{}, err
	}
	start := time.Now()
	s.timeout += delay
	err = s.expect(p.payload(i), n)
	s.timeout = p.Timeout
	f, failed := errors.AsType[*failure](err)
	switch {
	case err == nil:
		return silence{survived, delay, s.stream}, s.expectFIN()
	case !failed || s.received > 0:
		return silence{}, err
	case f.class == Timeout:
		return silence{lost, delay, s.stream}, s.confirmLoss(f, nextBytes(p.payload(i), n))
	case f.class == PrematureEOF, f.class == Reset:
		return silence{fateOf(err, aborted), time.Since(start), s.stream}, nil
	}
	return silence{}, err
}

// confirmLoss returns nil if the agent received want and a FIN, and sent its answer;
// else why no answer came. f is the failure of the client.
func (s *agentStream) confirmLoss(f *failure, want []byte) error {
	s.timeout /= attempts // the agent has had the whole timeout to answer
	report, err := s.report()
	if err != nil {
		return f // it is certain that no answer came
	}
	if arrived, ok := errors.AsType[*failure](receivedAll(report, want)); ok {
		arrived.foundOn(s.stream)
		switch arrived.size = f.size; arrived.class {
		case Timeout:
			arrived.evidence = NothingPassed
		case Silent:
			arrived.evidence = FINLost
		}
		return arrived
	}
	if report.Sent == 0 && report.Error == "" {
		return fmt.Errorf("the agent had not answered %v after it should have", s.p.Timeout)
	}
	return nil
}
