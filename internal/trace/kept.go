package trace

import (
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// KeptFirst and KeptLast are how many steps a Kept has: the first and the last ones of a life. Of the
// steps between them it has at most KeptMiddle: those that did more than to move bytes, e.g. a FIN, or
// before which nothing had happened for longPause. The others are counted, in steps with the Op Omitted.
const (
	KeptFirst  = 20
	KeptMiddle = 16
	KeptLast   = 40

	longPause = 100 * time.Millisecond
)

// Kept is the life of one connection in memory. It is bounded, and has no bytes of messages. Its
// methods may be called from any goroutine.
type Kept struct {
	// Side is which end of the connection the program is.
	Side Side

	mu     sync.Mutex
	first  []Record
	middle []Record
	last   []Record // a ring
	oldest int      // in last, once that is full
}

// Add adds a step. It does not keep rec.Data.
func (k *Kept) Add(rec Record) {
	rec.Data = nil
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.first) < KeptFirst:
		k.first = append(k.first, rec)
	case len(k.last) < KeptLast:
		k.last = append(k.last, rec)
	default:
		k.push(&k.last[k.oldest])
		k.last[k.oldest] = rec
		k.oldest = (k.oldest + 1) % KeptLast
	}
}

// push moves a step to the middle.
func (k *Kept) push(rec *Record) {
	before := &k.first[len(k.first)-1]
	if n := len(k.middle); n > 0 {
		before = &k.middle[n-1]
	}
	moves := (rec.Op == Send || rec.Op == Receive) && rec.N > 0 && rec.Errno == ""
	if (!moves || rec.Time+rec.Took-before.Time-before.Took >= longPause) && len(k.middle) < KeptMiddle-1 {
		k.middle = append(k.middle, *rec)
		return
	}
	if before.Op != Omitted {
		k.middle = append(k.middle, Record{Time: rec.Time, Op: Omitted})
		before = &k.middle[len(k.middle)-1]
	}
	before.N++
	before.Took = max(before.Took, rec.Time+rec.Took-before.Time)
	switch moved := int64(max(rec.N, 0)); rec.Op {
	case Receive:
		before.Received += moved
	case Send:
		before.Sent += moved
	}
}

// Records returns the steps so far, with their reasons, as connection 1.
func (k *Kept) Records() []Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := slices.Concat(k.first, k.middle)
	all = append(append(all, k.last[k.oldest:]...), k.last[:k.oldest]...)
	s := story{side: k.Side}
	for i := range all {
		all[i].Conn, all[i].Args = 1, argsOf(&all[i])
		all[i].Why = s.step(&all[i])
	}
	return all
}

// argsOf returns the arguments of a call of package net that moves bytes, if it has none yet.
func argsOf(rec *Record) string {
	if rec.Args == "" && rec.Asked > 0 {
		return strconv.Itoa(rec.Asked)
	}
	return rec.Args
}

// Add records a step that began at begin. Unlike Step, it takes the time of the day.
func (l *Life) Add(begin time.Time, rec Record) {
	if l == nil {
		return
	}
	rec.Time, rec.Args = l.Now()-time.Since(begin), argsOf(&rec)
	l.Step(rec)
}

// ErrorName returns the name of the error number in err, or else its text; "" if there is no
// error, or the end of the stream.
func ErrorName(err error) string { return errorName(err) }

// Inspect returns what the kernel holds for conn; nil if it is unknown.
func Inspect(conn net.Conn) *Held {
	if own, ok := conn.(Inspector); ok {
		return held(own.Inspect())
	}
	return inspectConn(conn)
}
