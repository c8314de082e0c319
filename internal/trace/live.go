package trace

import (
	"time"

	"echod/internal/sys"
)

// LiveConfig is what the trace of one open connection records.
type LiveConfig struct {
	// Payload is how many bytes of each message are kept; 0 for none.
	Payload int
	// PerSecond is how many steps in a second are kept that only wait or move bytes. The others
	// are counted as one step, Omitted, and cost less. All other steps are kept.
	PerSecond int
	// Keep is called for each step, by the goroutine that makes the call on the connection, one
	// at a time: it must not wait for anything.
	Keep func(Record)
}

// processStart is time 0 of all live traces.
var processStart = time.Now()

func sinceStart() time.Duration { return time.Since(processStart) }

// Live returns the life of one connection, which the engine that serves it begins with Open.
func Live(cfg LiveConfig) *Life {
	r := &Recorder{cfg: Config{Header: Header{Side: Server, Start: processStart}, Payload: cfg.Payload, Now: sinceStart}, keep: cfg.Keep}
	return &Life{recorder: r, number: 1, story: story{side: Server}, limit: limit{perSecond: cfg.PerSecond}}
}

// Opened describes a connection that was accepted before its trace begins.
type Opened struct {
	Peer, Engine string
	FD           int           // -1 if it is unknown
	Age          time.Duration // since accept
	In, Out      uint64        // bytes received and sent
	Finishing    bool          // all bytes and the FIN are sent
	Held         *sys.Held
}

// Open begins the trace of a connection that is open already. Its steps must follow, and none
// may come before.
func (l *Life) Open(o Opened) {
	l.recorder.mu.Lock()
	l.story.in, l.story.out = int64(o.In), int64(o.Out)
	l.story.unix = o.Peer == UnixPeer
	l.story.lingers = !l.story.unix && !o.Finishing
	l.story.finished, l.story.shut = o.Finishing, o.Finishing
	l.opened = l.Now()
	l.peer, l.began, l.known = o.Peer, l.opened-o.Age, true
	l.recorder.mu.Unlock()
	l.Step(Record{Op: Begin, Time: l.opened - o.Age, Took: o.Age, Peer: o.Peer, Engine: o.Engine, FD: o.FD,
		Received: int64(o.In), Sent: int64(o.Out), Held: o.Held})
}

// Opens reports whether the life waits for Open. Only the goroutine that calls Open may call it.
func (l *Life) Opens() bool { return l != nil && !l.known }

// Over reports whether the connection has ended.
func (l *Life) Over() bool {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	return l.story.closed
}

// End ends the trace: Keep is not called again.
func (l *Life) End() {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.recorder.over = true
}

// TimeIn returns t, a time of l, as a time of other.
func (l *Life) TimeIn(other *Life, t time.Duration) time.Duration {
	return t + l.recorder.cfg.Header.Start.Sub(other.recorder.cfg.Header.Start)
}

// RecordAlso has the calls on a connection recorded in other, too, if it is not nil. It must be called
// before the first call.
func (l *Life) RecordAlso(other *Life) { l.also = other }

// Missing returns the step for those that were left out since the last that was kept.
func (l *Life) Missing() (rec Record, any bool) {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	return l.limit.missing()
}

// limit bounds the steps of a live trace. Its fields are guarded by the mu of the recorder.
type limit struct {
	perSecond int           // 0: without a bound
	second    time.Duration // when the second began
	kept      int           // in this second
	omitted   Record        // the steps since the last that was kept
}

// omits reports whether rec is left out. Then the story goes on without it. rec has no Held yet.
func (l *Life) omits(rec *Record) bool {
	if l.limit.perSecond == 0 || !routine(rec) {
		return false
	}
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	at := rec.Time + rec.Took
	if at-l.limit.second >= time.Second {
		l.limit.second, l.limit.kept = at, 0
	}
	if l.limit.kept < l.limit.perSecond {
		l.limit.kept++
		return false
	}
	l.story.note(rec)
	o := &l.limit.omitted
	switch moved := int64(max(rec.N, 0)); rec.Op {
	case Receive:
		o.Received += moved
	case Send:
		o.Sent += moved
	}
	o.Op, o.Conn, o.Time, o.N = Omitted, l.number, at, o.N+1
	return true
}

func (m *limit) missing() (rec Record, any bool) { return m.omitted, m.omitted.N > 0 }

// routine reports whether a step only waits or moves bytes.
func routine(r *Record) bool {
	switch r.Op {
	case Receive, Peek:
		return r.Errno == "" && (r.N > 0 || r.Asked == 0) || r.Errno == "EAGAIN"
	case Send:
		return r.Errno == "" || r.Errno == "EAGAIN"
	case Wait, Watch:
		return r.Errno == ""
	}
	return false
}
