package agent

import (
	"context"
	"crypto/sha256"
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

	"echod/internal/errno"
)

// run is one connection on which a scenario is acted out, and its report.
type run struct {
	ctx    context.Context
	group  string
	script script
	conn   net.Conn
	in     io.Reader // the connection behind its first line
	limit  int64     // bytes that may be received
	start  time.Time
	done   chan struct{} // closed when the run is over
	over   time.Time     // when that was; guarded by the run table

	// Of a scenario of datagrams, else not set.
	keys     *keyReceiver
	key      string
	arrivals <-chan keyDatagram

	mu     sync.Mutex
	report Report
	sum    hash.Hash
}

func newRun(ctx context.Context, r request, sc script) *run {
	return &run{
		ctx: ctx, group: r.params["group"], script: sc, start: time.Now(), done: make(chan struct{}),
		report: Report{ID: r.params["id"], Scenario: r.scenario, End: Open}, sum: sha256.New(),
	}
}

var (
	errBytes = errors.New("more bytes than the agent takes")
	errKey   = fmt.Errorf("no datagram brought the key within %v", keyLife)
)

// Read reads what the client sends, counts it, and keeps in mind how it ended.
func (r *run) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if r.count(p[:n]) > r.limit {
		err = errBytes
	}
	if err != nil {
		r.saw(endOf(err), err)
	}
	return n, err
}

// count notes what was received, and returns how many bytes that are by now.
func (r *run) count(p []byte) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Write(p)
	r.report.Received += int64(len(p))
	return r.report.Received
}

func (r *run) Write(p []byte) (int, error) {
	n, err := r.conn.Write(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Sent += int64(n)
	return n, err
}

// wait waits for d, or until the run has no time left.
func (r *run) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return r.cutOff()
	}
}

// cutOff is why a run ends before its scenario does.
func (r *run) cutOff() error {
	if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return net.ErrClosed
}

// saw notes how the connection ended. The first end is the one that counts;
// what goes wrong later, as a late answer that cannot be sent, is an error
// beside it.
func (r *run) saw(end End, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.report.End == Open {
		r.report.End = end
		r.report.EndMS = time.Since(r.start).Milliseconds()
	}
	if err != nil && err != io.EOF && r.report.Error == "" {
		r.report.Error = reason(err)
	}
}

// act says that the run begins, plays the scenario and closes the connection: in
// order if the scenario was carried out, else by a reset.
func (r *run) act(play func(*run) error) {
	_, err := r.conn.Write(answerOK(r.opening()))
	if err == nil {
		err = play(r)
	}
	if err != nil {
		r.saw(endOf(err), err)
	}
	if err != nil {
		abort(r.conn)
	} else if err := closeInOrder(r.conn); err != nil && !errors.Is(err, net.ErrClosed) {
		r.saw(endOf(err), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.TotalMS = time.Since(r.start).Milliseconds()
}

// opening is what the client is told when a scenario begins, if it needs that.
type opening struct {
	Key string `json:"key"` // for its datagram
}

func (r *run) opening() []byte {
	if r.key == "" {
		return nil
	}
	body, _ := json.Marshal(opening{r.key}) // a string can always be written
	return body
}

// isOver reports whether the run has ended.
func (r *run) isOver() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// snapshot is the report as it stands.
func (r *run) snapshot() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.SHA256 = hex.EncodeToString(r.sum.Sum(nil))
	if !r.isOver() {
		report.TotalMS = time.Since(r.start).Milliseconds()
	}
	return report
}

func endOf(err error) End {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return FIN
	case errno.Of(err) == syscall.ECONNRESET:
		return Reset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errBytes), errors.Is(err, errKey):
		return Limit
	}
	return Error
}

// reason is an error without the addresses that the report's reader knows.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
