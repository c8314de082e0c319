package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"echod/internal/dial"
	"echod/internal/errno"
	"echod/internal/trace"
)

// End is how a connection ended, as the agent saw it.
type End string

const (
	Open      End = "open"      // it has not ended yet
	FIN       End = "fin"       // the client sent a FIN, with TLS a close_notify
	Reset     End = "reset"     // the connection was reset
	Truncated End = "truncated" // the client sent a FIN without the close_notify of TLS
	Acted     End = "acted"     // the agent ended it, as the scenario says
	Limit     End = "limit"     // the agent ended it at a limit of time or bytes
	Error     End = "error"     // anything else: see Report.Error
)

// Ends returns all values of End, except Open.
func Ends() []End { return []End{FIN, Reset, Truncated, Acted, Limit, Error} }

// Report is what the agent saw of one connection, or of the datagrams of a scenario
// that uses datagrams. Its bytes do not include the lines of the protocol.
type Report struct {
	ID       string `json:"id"`
	Scenario string `json:"scenario"`
	Received int64  `json:"received"` // bytes
	SHA256   string `json:"sha256"`   // of the received bytes, in hexadecimal
	Sent     int64  `json:"sent"`     // bytes that the agent's kernel accepted
	End      End    `json:"end"`
	EndMS    int64  `json:"end_ms"`   // from the start to End; 0 while open
	TotalMS  int64  `json:"total_ms"` // from the start until the agent had finished, or until now
	Error    string `json:"error,omitempty"`

	Datagrams DatagramCounts `json:"datagrams,omitzero"` // of the scenario timestamps
}

// run is one scenario that runs on one connection, and its report.
type run struct {
	ctx      context.Context
	group    string
	script   script
	conn     net.Conn
	in       io.Reader // what follows the first line
	life     *connLife // of conn
	maxBytes int64     // that may be received
	start    time.Time
	done     chan struct{} // closed when the run has ended
	doneAt   time.Time     // guarded by the run table

	// Only for a scenario that uses datagrams.
	keys     *keyReceiver
	key      string
	arrivals <-chan keyDatagram
	session  *stampSession

	mu     sync.Mutex
	report Report
	sum    hash.Hash
}

func newRun(ctx context.Context, r request, sc script) *run {
	return &run{
		ctx: ctx, group: r.params["group"], script: sc, life: new(connLife), start: time.Now(), done: make(chan struct{}),
		report: Report{ID: r.params["id"], Scenario: r.scenario, End: Open}, sum: sha256.New(),
	}
}

var (
	errBytes     = errors.New("the client sent more bytes than the limit")
	errTruncated = errors.New("a FIN without close_notify")
	errKey       = fmt.Errorf("no datagram with the key came within %v", keyTimeout)
)

// do answers ok, runs the scenario and closes the connection: with a FIN if the scenario
// succeeded, otherwise with a reset.
func (r *run) do(scenario func(*run) error) {
	begin := r.life.Now()
	_, err := r.conn.Write(okLine(r.runAnswer()))
	r.life.record(begin, r.conn, err, trace.Record{Op: trace.Other, Call: "answer", Why: "ok: the scenario begins"})
	if err == nil {
		err = scenario(r)
	}
	if err != nil {
		r.setEnd(endOf(err), err)
		r.life.close(r.conn, false, reset)
	} else if err := r.life.close(r.conn, true, closeWithFIN); err != nil && !errors.Is(err, net.ErrClosed) {
		r.setEnd(endOf(err), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.TotalMS = time.Since(r.start).Milliseconds()
}

// runAnswer is what follows the ok of a RUN with datagrams. Those with many also have limits.
type runAnswer struct {
	Key      string `json:"key"`
	MaxMS    int64  `json:"max_ms,omitempty"`    // how long the run may last
	MaxBytes int64  `json:"max_bytes,omitempty"` // that it may receive
}

func (r *run) runAnswer() []byte {
	if r.key == "" {
		return nil
	}
	answer := runAnswer{Key: r.key}
	if r.session != nil {
		end, _ := r.ctx.Deadline() // each run has one
		answer.MaxMS, answer.MaxBytes = end.Sub(r.start).Milliseconds(), r.maxBytes
	}
	body, _ := json.Marshal(answer) // never fails for these types
	return body
}

// Read reads from the client, counts the bytes, and records how the connection ended.
func (r *run) Read(p []byte) (int, error) {
	begin := r.life.Now()
	n, err := r.in.Read(p)
	if r.truncated(err) {
		err = errTruncated
	}
	rec := trace.Record{Op: trace.Receive, Call: "Read", N: n, Asked: len(p), Data: p}
	if n > 0 {
		rec.Why = "the scenario receives"
	} else if err == io.EOF {
		rec.Why = "the client has finished"
	}
	r.life.record(begin, r.conn, err, rec)
	if r.countReceived(p[:n]) > r.maxBytes {
		err = errBytes
	}
	if err != nil {
		r.setEnd(endOf(err), err)
	}
	return n, err
}

// truncated reports whether err is the end of a TLS stream without close_notify.
func (r *run) truncated(err error) bool {
	_, secure := r.conn.(*tls.Conn)
	return secure && (err == io.ErrUnexpectedEOF || err == io.EOF && !dial.GotCloseNotify(r.conn, err))
}

// countReceived returns the number of bytes received so far.
func (r *run) countReceived(p []byte) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Write(p)
	r.report.Received += int64(len(p))
	return r.report.Received
}

func (r *run) Write(p []byte) (int, error) {
	begin := r.life.Now()
	n, err := r.conn.Write(p)
	r.life.record(begin, r.conn, err, trace.Record{Op: trace.Send, Call: "Write", N: n, Asked: len(p), Data: p, Why: "the scenario sends what it has received"})
	r.countSent(n)
	return n, err
}

func (r *run) countSent(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Sent += int64(n)
}

// wait waits for d. It returns an error if the time limit of the run ends earlier, or
// if the agent ends.
func (r *run) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return r.ctxError()
	}
}

func (r *run) ctxError() error {
	if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return net.ErrClosed
}

// setEnd records how the connection ended. The first end counts. A later error, e.g. of
// a late answer that cannot be sent, is only in Report.Error.
func (r *run) setEnd(end End, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.report.End == Open {
		r.report.End = end
		r.report.EndMS = time.Since(r.start).Milliseconds()
	}
	if err == nil || err == io.EOF || r.report.Error != "" {
		return
	}
	if op, ok := errors.AsType[*net.OpError](err); ok { // without the addresses, which the client knows
		r.report.Error = op.Op + ": " + op.Err.Error()
	} else {
		r.report.Error = err.Error()
	}
}

func endOf(err error) End {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return FIN
	case errors.Is(err, errTruncated):
		return Truncated
	case errno.Of(err) == syscall.ECONNRESET:
		return Reset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errBytes), errors.Is(err, errKey):
		return Limit
	}
	return Error
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// snapshot returns the report as it is now.
func (r *run) snapshot() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
	if !r.ended() {
		report.TotalMS = time.Since(r.start).Milliseconds()
	}
	return report
}
