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

// check checks what is promised at any time at which nothing happens.
func (r *run) check(when string) {
	st := r.stats()
	for i, p := range r.peers {
		if p.network == "tls" {
			continue // it may receive an alert, and sends no stream
		}
		got, want := p.Received(), p.Sent()
		if !bytes.HasPrefix(want, got) {
			r.problem("%s: peer %d: the %d bytes received are not a prefix of the %d sent", when, i, len(got), len(want))
		}
		if p.End() == sim.Clean && len(got) != len(want) {
			r.problem("%s: peer %d: a clean end after %d of %d bytes", when, i, len(got), len(want))
		}
		if r.isLate(p.at) && len(got) > 0 {
			r.problem("%s: peer %d: connected %v after SIGTERM and was served", when, i, p.at.Sub(r.stopped))
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
	// The net engine may be waiting until it can send its current answer: a train.
	const longestTrain = 64
	if under := st.DatagramsIn - st.DatagramsOut - sum(st.Drops[:]); under != 0 && (under > longestTrain || r.plan.engine != "net" || r.over) {
		r.problem("%s: datagrams in %d, out %d, dropped %d", when, st.DatagramsIn, st.DatagramsOut, sum(st.Drops[:]))
	}
	r.checkTimeouts(when)
	r.checkAnswers(when)
	r.checkClients(when, false, false)
	r.problems = append(r.problems, r.counts.problems()...)
	r.problems = append(r.problems, r.log.reader.problems()...)
	r.problems = append(r.problems, r.manager.problems(r.over)...)
	r.m.do(func(k *sim.Kernel) { r.problems = append(r.problems, k.Violations()...) })
	r.over = r.over || r.hasEnded()
}

// checkTimeouts checks the limits of time: of the drain, of a handshake, and of owed bytes that
// the peer does not read.
func (r *run) checkTimeouts(when string) {
	r.over = r.over || r.hasEnded()
	// The notifier has a second to report the end.
	if limit := r.plan.drain + 2*time.Second; !r.over && r.signalled > 0 && time.Since(r.stopped) > limit {
		r.problem("%s: the service has not ended %v after SIGTERM, the drain has %v", when, time.Since(r.stopped), r.plan.drain)
	}
	if r.disturbed || r.plan.maxConns < 100 {
		return
	}
	const limit = 10 * time.Second // 5 s for the handshake, 1 s to send an alert
	for i, p := range r.peers {
		if p.network == "tls" && p.End() == sim.StillOpen && time.Since(p.at) > limit {
			r.problem("%s: peer %d: the handshake has not ended after %v", when, i, time.Since(p.at))
		}
		if waited := time.Since(p.lastStep); r.owes(p) && p.End() == sim.StillOpen && r.plan.stall > 0 && waited > r.plan.stall*3/2+2*time.Second {
			r.problem("%s: peer %d: is owed bytes and has read none for %v, the stall timeout is %v", when, i, waited, r.plan.stall)
		}
	}
}

// owes reports whether p reads nothing and the service must owe it bytes: the buffers on the way
// have no space for all that it has sent and not received.
func (r *run) owes(p *simPeer) bool {
	space := r.plan.recvBuffer + r.plan.sendBuffer + r.plan.peerBuffer
	return p.stalled && p.network != "tls" && len(p.Sent())-len(p.Received()) > space
}

// isLate reports whether a connection of that time is so long after SIGTERM that it must not be
// served. Peers on a unix socket find no file then.
func (r *run) isLate(at time.Time) bool {
	return r.signalled > 0 && !r.queueUnknown && at.Sub(r.stopped) > accept.Grace
}

// checkAnswers compares every answer with the datagrams that were delivered.
func (r *run) checkAnswers(when string) {
	spec, ok := r.specs["udp"]
	if !ok {
		return
	}
	r.m.do(func(k *sim.Kernel) {
		for _, a := range k.Answers(spec.Addr.Port()) {
			key := fmt.Sprint(a.To, len(a.Payload))
			if r.delivered[key]--; r.delivered[key] < 0 {
				r.problem("%s: an answer of %d bytes to %v, which did not send that", when, len(a.Payload), a.To)
			}
			if a.To.Port() < 1024 || a.To == spec.Addr {
				r.problem("%s: an answer to %v, which must not get one", when, a.To)
			}
			r.answered++
		}
	})
}

// checkLive checks what is promised after the faults, when every peer has read everything and
// half-closed: each connection has ended, and a new one is served.
func (r *run) checkLive() {
	for i, p := range r.peers {
		if p.End() == sim.StillOpen && !r.shut {
			r.problem("peer %d has half-closed and its connection does not end: sent %d, received %d", i, len(p.Sent()), len(p.Received()))
		}
		if !r.disturbed && r.plan.stall < 0 && r.plan.idle == 0 && !p.EndedItself() && p.network != "tls" && p.End() != sim.Clean {
			r.problem("peer %d made no mistake and got %v: sent %d, received %d", i, p.End(), len(p.Sent()), len(p.Received()))
		}
	}
	// Without memory a tls stream is refused.
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
		r.problem("a new peer has received %d of 300 bytes after 2 s", len(p.Received()))
	}
	r.m.change(func(*sim.Kernel) { p.CloseWrite() })
	r.pass(time.Second)
	if p.End() != sim.Clean {
		r.problem("a new peer has half-closed and got %v", p.End())
	}
}

// checkDrained checks what is promised of a drain in which every peer had the time to finish:
// each connection from before the signal, also in the queue, was served.
func (r *run) checkDrained() {
	for i, p := range r.peers {
		if p.network == "tls" || !p.at.Before(r.stopped) || r.disturbed || r.plan.stall >= 0 || r.plan.idle > 0 || p.EndedItself() {
			continue
		}
		if p.End() != sim.Clean {
			r.problem("peer %d connected before SIGTERM, finished in time and got %v: sent %d, received %d", i, p.End(), len(p.Sent()), len(p.Received()))
		}
	}
	if !r.over && !r.disturbed && r.plan.stall < 0 && r.plan.idle == 0 {
		r.problem("every peer has finished, and the drain has not ended")
	}
}

// checkEnd checks what is promised of a service that has ended.
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
	if open := r.m.openDescriptors(); len(open) > 0 {
		r.problem("descriptors left open: %v", open)
	}
	for i, p := range r.peers {
		if p.End() == sim.StillOpen {
			r.problem("at the end: the connection of peer %d has not ended", i)
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

// maxLines is how many lines with one message may be logged in a minute.
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
