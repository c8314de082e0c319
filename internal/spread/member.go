package spread

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/load"
)

// WorkerError is why a load with many workers has no result: one of them was lost, was late, refused,
// or cannot be believed.
type WorkerError struct {
	Worker  string // its URL
	Err     error
	Stopped bool // all workers had their shares, so the others were stopped
}

func (e *WorkerError) Error() string { return "worker " + e.Worker + " " + e.Err.Error() }
func (e *WorkerError) Unwrap() error { return e.Err }

// member is a worker as its coordinator sees it. A goroutine reads its lines.
type member struct {
	*lines
	url      string
	greeting greeting
	ahead    time.Duration // of its system clock
	offset   offset

	replies chan reply    // without those that only say that the worker is alive
	left    chan struct{} // closed when the coordinator has ended the connection
	lost    chan struct{} // closed when no more replies come
	err     error         // why, once lost is closed
}

// caller is what every member of a run is called with.
type caller struct {
	token   agent.Secret
	run     string // a random text
	echod   string
	silence time.Duration
}

func newCaller(token agent.Secret, echod string, silence time.Duration) caller {
	return caller{token, rand.Text(), echod, silence}
}

// call connects to a worker. It returns when the worker has accepted the run. The error is a
// *WorkerError.
func (c caller) call(ctx context.Context, target dial.Target) (*member, error) {
	fail := func(err error) (*member, error) { return nil, &WorkerError{Worker: target.String(), Err: err} }
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := target.Dial(dialing)
	if err != nil {
		return fail(fmt.Errorf("cannot be reached: %w", err))
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	m := &member{lines: newLines(conn, c.silence), url: target.String(), replies: make(chan reply, 1),
		left: make(chan struct{}), lost: make(chan struct{})}
	err = m.greet(c)
	if err != nil {
		conn.Close()
		return fail(err)
	}
	go m.receive()
	return m, nil
}

// greet sends the first line, and checks the answer.
func (m *member) greet(c caller) error {
	sent := time.Now()
	if err := m.write(request{Hello: &hello{Protocol, c.token.Reveal(), c.run}}, maxHello); err != nil {
		return fmt.Errorf("cannot be reached: %w", err)
	}
	first, err := read[reply](m.lines, maxHello)
	switch {
	case err != nil:
		return fmt.Errorf("does not answer as a worker: %w", err)
	case first.Error != nil:
		return clipped(first.Error)
	case first.Hello == nil:
		return fmt.Errorf("does not answer as a worker: %w", errFields)
	}
	g := *first.Hello
	switch {
	case g.Protocol != Protocol || g.Format != load.Format:
		return fmt.Errorf("%w: it speaks %s and writes %s, want %s and %s", errVersion, clip(g.Protocol), clip(g.Format), Protocol, load.Format)
	case g.Echod != c.echod:
		return fmt.Errorf("%w: echod %s, want %s as here", errVersion, clip(g.Echod), c.echod)
	}
	m.greeting, m.ahead = g, time.Unix(0, g.Wall).Sub(sent.Round(0)).Round(time.Millisecond)
	return nil
}

// clipped returns a refusal that can be printed.
func clipped(r *Refusal) error { return &Refusal{Kind(clip(string(r.Kind))), clip(r.Text)} }

// receive reads replies until the connection ends.
func (m *member) receive() {
	defer close(m.lost)
	for {
		r, err := read[reply](m.lines, maxResult)
		switch {
		case err != nil:
			m.err = fmt.Errorf("is lost: %w", err)
			return
		case r.Alive:
			continue
		case r.Error != nil:
			m.err = clipped(r.Error)
			return
		}
		select {
		case m.replies <- r:
		case <-m.left:
			return
		case <-time.After(m.silence): // nobody asked for it
			m.err = errUnasked
			return
		}
		if r.Done != nil {
			return
		}
	}
}

var errVersion = errors.New("is of another version")

var errUnasked = fmt.Errorf("sent what was not asked for: want the replies of %s in their order", Protocol)

// next returns the next reply of the worker. It waits until ctx ends: its cause is the error then.
func (m *member) next(ctx context.Context) (reply, error) {
	select {
	case r := <-m.replies:
		return r, nil
	case <-m.lost:
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	}
	select {
	case r := <-m.replies:
		return r, nil
	default:
		return reply{}, m.fail(m.err)
	}
}

// fail returns err as the error of this worker.
func (m *member) fail(err error) error { return &WorkerError{Worker: m.url, Err: err} }

// tell sends a request.
func (m *member) tell(r request) error {
	if err := m.write(r, maxLine); err != nil {
		return m.fail(fmt.Errorf("is lost: %w", err))
	}
	return nil
}

// connect sends a job, and waits until the connections are made.
func (m *member) connect(ctx context.Context, j job) error {
	if err := m.tell(request{Job: &j}); err != nil {
		return err
	}
	r, err := m.next(ctx)
	if err == nil && !r.Ready {
		err = m.fail(errUnasked)
	}
	return err
}

// leaveTimeout is how long a coordinator waits until a worker is free again.
const leaveTimeout = time.Second

// leave ends the session, and waits until the worker has stopped its load and is free. Call it once.
func (m *member) leave() {
	close(m.left)
	timer := time.AfterFunc(leaveTimeout, func() { m.conn.Close() })
	defer timer.Stop()
	defer m.conn.Close()
	if half, ok := m.conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		m.conn.Close()
	}
	<-m.lost
	m.conn.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, m.in) // up to the FIN, which the worker sends when it is free
}

// isLost reports whether the worker has gone.
func (m *member) isLost() bool {
	select {
	case <-m.lost:
		return true
	default:
		return false
	}
}
