//go:build linux

package simulation

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/sys/sim"
)

// check holds what is promised at any moment at which nothing happens.
func (r *run) check(when string) {
	st := r.stats()
	for i, p := range r.peers {
		if p.network == "tls" {
			continue // it may be sent an alert, and sends no bytes of a stream
		}
		got, want := p.Received(), p.Sent()
		if !bytes.HasPrefix(want, got) {
			r.problem("%s: peer %d: received %d bytes that are no prefix of the %d it sent", when, i, len(got), len(want))
		}
		if p.End() == sim.Clean && len(got) != len(want) {
			r.problem("%s: peer %d: a clean end after %d of %d bytes", when, i, len(got), len(want))
		}
		if r.isLate(p.at) && len(got) > 0 {
			r.problem("%s: peer %d: came %v after SIGTERM, and was served", when, i, p.at.Sub(r.stopped))
		}
	}
	if st.BytesIn < st.BytesOut+st.Discarded {
		r.problem("%s: in %d, out %d, discarded %d", when, st.BytesIn, st.BytesOut, st.Discarded)
	}
	if ended := sum(st.Closes[:]) + sum(st.Refused[:]); ended+st.Active != st.Accepted {
		r.problem("%s: accepted %d; closed %v, refused %v, active %d", when, st.Accepted, st.Closes, st.Refused, st.Active)
	}
	if st.Held > uint64(r.plan.maxMemory) {
		r.problem("%s: %d bytes held, the limit is %d", when, st.Held, r.plan.maxMemory)
	}
	if st.Active > uint64(r.plan.maxConns) {
		r.problem("%s: %d streams, the limit is %d", when, st.Active, r.plan.maxConns)
	}
	// The net engine may be waiting until it can send the one that it answers now.
	if under := st.DatagramsIn - st.DatagramsOut - sum(st.Drops[:]); under != 0 && (under != 1 || r.plan.engine != "net" || r.over) {
		r.problem("%s: datagrams in %d, out %d, dropped %d", when, st.DatagramsIn, st.DatagramsOut, sum(st.Drops[:]))
	}
	r.checkInTime(when)
	r.checkAnswers(when)
	r.checkClients(when, false, false)
	r.problems = append(r.problems, r.counts.problems()...)
	r.problems = append(r.problems, r.log.reader.problems()...)
	r.problems = append(r.problems, r.manager.problems(r.over)...)
	r.m.do(func(k *sim.Kernel) { r.problems = append(r.problems, k.Violations()...) })
	r.over = r.over || r.hasEnded()
}

// checkInTime holds what has a time limit: the drain, which no peer can make longer, a
// handshake, and the wait for a peer to take what it is owed.
func (r *run) checkInTime(when string) {
	r.over = r.over || r.hasEnded()
	// The notifier has a second to report the end.
	if limit := r.plan.drain + 2*time.Second; !r.over && r.signalled > 0 && time.Since(r.stopped) > limit {
		r.problem("%s: the service has not ended %v after SIGTERM, the drain has %v", when, time.Since(r.stopped), r.plan.drain)
	}
	if r.disturbed || r.plan.maxConns < 100 {
		return
	}
	const limit = 10 * time.Second // the handshake has 5 s, an alert 1 s to be read
	for i, p := range r.peers {
		if p.network == "tls" && p.End() == sim.StillOpen && time.Since(p.at) > limit {
			r.problem("%s: peer %d: no end of a handshake %v after it came", when, i, time.Since(p.at))
		}
		if waited := time.Since(p.touched); r.owes(p) && p.End() == sim.StillOpen && r.plan.stall > 0 && waited > r.plan.stall*3/2+2*time.Second {
			r.problem("%s: peer %d: owed bytes and has taken none of them for %v, the stall timeout is %v", when, i, waited, r.plan.stall)
		}
	}
}

// owes reports whether p takes nothing and the service must owe it something: no buffer on
// the way has room for all that it has sent and not received.
func (r *run) owes(p *simPeer) bool {
	room := r.plan.recvBuffer + r.plan.sendBuffer + r.plan.peerBuffer
	return p.stalled && p.network != "tls" && len(p.Sent())-len(p.Received()) > room
}

// isLate reports whether who came at that time came so long after SIGTERM that it must not
// be served. Those on a unix socket find no file.
func (r *run) isLate(at time.Time) bool {
	return r.signalled > 0 && !r.blind && at.Sub(r.stopped) > accept.Grace
}

// checkAnswers holds every answer against a datagram that was delivered.
func (r *run) checkAnswers(when string) {
	spec, ok := r.specs["udp"]
	if !ok {
		return
	}
	r.m.do(func(k *sim.Kernel) {
		for _, a := range k.Answers(spec.Addr.Port()) {
			key := fmt.Sprint(a.To, len(a.Payload))
			if r.delivered[key]--; r.delivered[key] < 0 {
				r.problem("%s: an answer of %d bytes to %v, who did not ask", when, len(a.Payload), a.To)
			}
			if a.To.Port() < 1024 || a.To == spec.Addr {
				r.problem("%s: an answer to %v, who must not get one", when, a.To)
			}
			r.answered++
		}
	})
}

// checkLive holds what is promised once everything works and every peer has read and
// finished: everybody has an end, and a new caller is served.
func (r *run) checkLive() {
	for i, p := range r.peers {
		if p.End() == sim.StillOpen && !r.shut {
			r.problem("peer %d has finished and waits for ever: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
		if !r.disturbed && r.plan.stall < 0 && r.plan.idle == 0 && !p.EndedItself() && p.network != "tls" && p.End() != sim.Clean {
			r.problem("peer %d did nothing wrong and saw %v: sent %d, received %d", i, p.End(), len(p.Sent()), len(p.Received()))
		}
	}
	// Without memory, a tls stream is refused.
	r.checkClients("after the faults", !r.shut, !r.disturbed && r.plan.stall < 0 && r.plan.idle == 0 && r.plan.maxMemory == 1<<20)
	if !r.plan.tcp && !r.plan.unix || r.shut {
		return
	}
	r.dial(!r.plan.tcp)
	at := len(r.peers) - 1
	r.m.change(func(k *sim.Kernel) { r.peerStep(k, step{op: send, peer: at, n: 300}) })
	r.pass(2 * time.Second)
	p := r.peers[at]
	if len(p.Received()) != 300 {
		r.problem("a new caller has %d of 300 bytes back after 2 s", len(p.Received()))
	}
	r.m.change(func(*sim.Kernel) { p.CloseWrite() })
	r.pass(time.Second)
	if p.End() != sim.Clean {
		r.problem("a new caller finished and saw %v", p.End())
	}
}

// checkDrained holds what is promised of a drain in which every peer had the time to
// finish: whoever was there or in the queue before the signal was served.
func (r *run) checkDrained() {
	for i, p := range r.peers {
		if p.network == "tls" || !p.at.Before(r.stopped) || r.disturbed || r.plan.stall >= 0 || r.plan.idle > 0 || p.EndedItself() {
			continue
		}
		if p.End() != sim.Clean {
			r.problem("peer %d came before SIGTERM, finished in time and saw %v: sent %d, received %d", i, p.End(), len(p.Sent()), len(p.Received()))
		}
	}
	if !r.over && !r.disturbed && r.plan.stall < 0 && r.plan.idle == 0 {
		r.problem("every peer has finished, and the drain has not ended")
	}
}

// checkEnd holds what is promised of a service that has ended.
func (r *run) checkEnd() {
	if r.result != nil {
		r.problem("Run returned %v", r.result)
	}
	r.checkClients("at the end", true, false)
	st := r.stats()
	if st.Active != 0 || st.Held != 0 {
		r.problem("at the end: %d streams, %d bytes held", st.Active, st.Held)
	}
	if st.BytesIn != st.BytesOut+st.Discarded {
		r.problem("at the end: in %d, out %d, discarded %d", st.BytesIn, st.BytesOut, st.Discarded)
	}
	if open := r.m.left(); len(open) > 0 {
		r.problem("descriptors left open: %v", open)
	}
	for i, p := range r.peers {
		if p.End() == sim.StillOpen {
			r.problem("at the end: peer %d has no end", i)
		}
	}
}

func (r *run) stats() engine.Stats {
	var all engine.Stats
	for _, e := range r.service.Snapshot().Engines {
		all.Add(e.Stats)
	}
	return all
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// recorder is a log handler that counts.
type recorder struct {
	mu     sync.Mutex
	counts map[string]int // by message and minute
	found  []string
}

func newRecorder() *recorder { return &recorder{counts: make(map[string]int)} }

// maxLines is how many lines of one kind may be logged in a minute.
const maxLines = 60

func (l *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (l *recorder) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *recorder) WithGroup(string) slog.Handler            { return l }

func (l *recorder) Handle(_ context.Context, rec slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := fmt.Sprint(rec.Message, time.Now().Truncate(time.Minute))
	if l.counts[key]++; l.counts[key] == maxLines {
		l.found = append(l.found, fmt.Sprintf("%q was logged %d times in a minute", rec.Message, maxLines))
	}
	return nil
}

func (l *recorder) problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found
}
