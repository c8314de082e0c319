package trace

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"echod/internal/sys"
)

// Config is what a Recorder records, and where it writes it.
type Config struct {
	// Header describes the trace. Format and Start are set by New.
	Header Header
	// Filter chooses the connections.
	Filter Filter
	// Payload is how many bytes of each message are kept; 0 for none.
	Payload int
	// Text, if not nil, gets a line for each step.
	Text io.Writer
	// File, if not nil, gets the steps as JSON, a line each, and at most MaxFile bytes.
	File    io.Writer
	MaxFile int64
	// Failed, if not nil, is called once with the first error of an output, when it happens: also when
	// the file has reached its limit.
	Failed func(error)
	// Now is the clock; nil means the time since New.
	Now func() time.Duration
}

// Recorder records the lives of connections. It never delays a connection: steps go through a
// queue, and if it is full they are counted as lost. Its methods may be called from any
// goroutine.
type Recorder struct {
	cfg  Config
	mu   sync.Mutex   // of the fields up to the queue, and of every Life
	seen int          // connections
	kept int          // those that are traced
	lost int          // steps since the last that was queued
	keep func(Record) // of a live trace, in place of the queue
	over bool         // Close was called

	queue chan queued
	done  chan struct{} // closed when everything is written
	err   error         // of an output; set before done is closed
}

// queued is a step that waits to be written. Life is nil for Lost.
type queued struct {
	Record
	life *Life
}

// queueLength is how many steps wait for the output at most.
const queueLength = 8192

// New returns a Recorder, which must be closed.
func New(cfg Config) *Recorder {
	start := time.Now()
	cfg.Header.Format, cfg.Header.Start = Format, start
	if cfg.Now == nil {
		cfg.Now = func() time.Duration { return time.Since(start) }
	}
	r := &Recorder{cfg: cfg, queue: make(chan queued, queueLength), done: make(chan struct{})}
	go r.write()
	return r
}

// Close writes what is queued. Steps after it are not recorded. The error is that of an output, if
// Failed has not had it.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if !r.over {
		r.over = true
		close(r.queue)
	}
	r.mu.Unlock()
	<-r.done
	return r.err
}

// Life is the life of one connection. Its methods may be called from any goroutine. All of
// them do nothing on a nil Life: a connection that is not traced has none.
type Life struct {
	recorder *Recorder
	number   int
	story    story

	// What the first step says, and the later ones do not.
	peer  string
	began time.Duration
	known bool // whether there was a step

	opened time.Duration // when Open was called

	also  *Life // the life in another trace of the same connection, for Call
	limit limit // of a live trace
}

// Begin returns the life of a new connection; nil if the filter omits it. The peer is an
// address, or "" if it has none.
func (r *Recorder) Begin(peer netip.AddrPort) *Life {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen++
	if !r.cfg.Filter.keeps(r.seen, peer) {
		return nil
	}
	r.kept++
	return &Life{recorder: r, number: r.kept, story: story{side: r.cfg.Header.Side}}
}

// Now returns the time of the trace; 0 on a nil Life.
func (l *Life) Now() time.Duration {
	if l == nil {
		return 0
	}
	return l.recorder.cfg.Now()
}

// Step records a step. It sets Conn of rec, and Why if it is empty. The bytes of rec.Data are copied.
func (l *Life) Step(rec Record) {
	if l == nil {
		return
	}
	r := l.recorder
	if keep := min(len(rec.Data), max(rec.N, 0), r.cfg.Payload); keep > 0 {
		rec.Data = append([]byte(nil), rec.Data[:keep]...)
	} else {
		rec.Data = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if !l.known {
		l.peer, l.began, l.known = rec.Peer, rec.Time+rec.Took, true
	}
	rec.Conn = l.number
	if why := l.story.step(&rec); rec.Why == "" {
		rec.Why = why
	}
	if r.keep != nil {
		if missing, any := l.limit.missing(); any {
			r.keep(missing)
			l.limit.omitted = Record{}
		}
		r.keep(rec)
		return
	}
	if r.lost > 0 && len(r.queue) < queueLength-1 {
		r.queue <- queued{Record{Time: rec.Time, Op: Lost, N: r.lost}, nil}
		r.lost = 0
	}
	select {
	case r.queue <- queued{rec, l}:
	default:
		r.lost++
	}
}

// write writes the queue until it is closed. An error of one output ends that output.
func (r *Recorder) write() {
	defer close(r.done)
	var outputs []output
	if r.cfg.Text != nil {
		outputs = append(outputs, newTextOutput(r.cfg.Text))
	}
	if r.cfg.File != nil {
		outputs = append(outputs, newFileOutput(r.cfg.File, r.cfg.Header, r.cfg.MaxFile))
	}
	write := func(q queued) {
		for _, o := range outputs {
			o.write(&q)
		}
	}
	flush := func() (err error) {
		for _, o := range outputs {
			err = errors.Join(err, o.flush())
		}
		return err
	}
	failed := r.cfg.Failed
	for q := range r.queue {
		write(q)
		if len(r.queue) > 0 {
			continue
		}
		if err := flush(); err != nil && failed != nil {
			failed(err)
			failed = nil
		}
	}
	if r.lost > 0 {
		write(queued{Record{Time: r.cfg.Now(), Op: Lost, N: r.lost}, nil})
	}
	if err := flush(); r.cfg.Failed == nil || failed != nil {
		r.err = err
	}
}

// output writes steps. After an error it writes nothing, and flush returns the error.
type output interface {
	write(*queued)
	flush() error
}

// Filter chooses the connections that are traced. The zero Filter chooses all.
type Filter struct {
	peer  netip.AddrPort // port 0 means every port
	every int
	first int
}

// ParseFilter reads all, peer:ADDRESS, peer:ADDRESS:PORT, every:N or first:N.
func ParseFilter(text string) (Filter, error) {
	kind, value, _ := strings.Cut(text, ":")
	number, err := strconv.Atoi(value)
	switch {
	case text == "all":
		return Filter{}, nil
	case kind == "every" && err == nil && number > 0:
		return Filter{every: number}, nil
	case kind == "first" && err == nil && number > 0:
		return Filter{first: number}, nil
	case kind == "peer":
		if peer, err := netip.ParseAddrPort(value); err == nil {
			return Filter{peer: peer}, nil
		}
		if addr, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil {
			return Filter{peer: netip.AddrPortFrom(addr, 0)}, nil
		}
	}
	return Filter{}, errors.New("want all, peer:ADDRESS, peer:ADDRESS:PORT, every:N or first:N, e.g. peer:127.0.0.1:5001")
}

// String returns f in the form that ParseFilter reads.
func (f Filter) String() string {
	switch {
	case f.every > 0:
		return fmt.Sprintf("every:%d", f.every)
	case f.first > 0:
		return fmt.Sprintf("first:%d", f.first)
	case f.peer.IsValid() && f.peer.Port() == 0:
		return "peer:" + f.peer.Addr().String()
	case f.peer.IsValid():
		return "peer:" + f.peer.String()
	}
	return "all"
}

// keeps reports whether connection number n, from 1 on, is traced.
func (f Filter) keeps(n int, peer netip.AddrPort) bool {
	switch {
	case f.every > 0:
		return (n-1)%f.every == 0
	case f.first > 0:
		return n <= f.first
	case f.peer.IsValid():
		return f.peer.Addr() == peer.Addr().Unmap() && (f.peer.Port() == 0 || f.peer.Port() == peer.Port())
	}
	return true
}

// held returns a pointer to a copy of h, nil if ok is false.
func held(h sys.Held, ok bool) *sys.Held {
	if !ok {
		return nil
	}
	return &h
}
