// Package agent implements the remote agent of a check. A client names a scenario on the
// first line of a connection. The agent runs it, and reports on another connection what
// it has seen. The protocol is in docs/agent.md.
package agent

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/accept"
	"echod/internal/dial"
	"echod/internal/trace"
)

// Limits bounds what an agent does for its clients.
type Limits struct {
	Time  time.Duration // of one scenario; default DefaultTime
	Bytes int64         // that one scenario receives; default DefaultBytes
	Runs  int           // scenarios at once; default DefaultRuns
}

// The defaults of Limits.
const (
	DefaultTime  = 90 * time.Second
	DefaultBytes = 64 << 20
	DefaultRuns  = 64
)

func (l Limits) withDefaults() Limits {
	if l.Time <= 0 {
		l.Time = DefaultTime
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Runs <= 0 {
		l.Runs = DefaultRuns
	}
	return l
}

// maxDelay is the longest delay of a scenario. It is shorter than Time, because the
// other parts of the scenario take time too.
func (l Limits) maxDelay() time.Duration { return l.Time * 9 / 10 }

// maxWaits is how many REPORT requests may wait at the same time.
func (l Limits) maxWaits() int { return 2 * l.Runs }

// maxClosing is how many connections may be closed but still have resources, or change
// from one state to another. None of them waits for its client.
const maxClosing = 64

// lineTimeout is the timeout of the first line of a connection, and of an answer.
const lineTimeout = 5 * time.Second

// Server is a remote agent.
type Server struct {
	Token  Secret // of every request; the zero value accepts requests without one
	Limits Limits
	UDP    *net.UDPConn    // nil disables the scenarios with datagrams
	TLS    *tls.Config     // of the listener; nil for connections without TLS, and without the scenarios that need it
	Log    *slog.Logger    // nil discards the log
	Trace  *trace.Recorder // of the connections; nil for none

	lineTimeout  time.Duration // default lineTimeout
	maxIdleConns int           // default maxIdleConns

	initialized sync.Once
	runs        *runTable
	keys        *keyReceiver
	idleConns   *idleConns
	slots       *accept.Slots // one for each connection
	accepts     [accept.NumReasons]atomic.Uint64
	waits       chan struct{} // has one element for each REPORT that waits
}

// init prepares the fields that both Serve and Snapshot use.
func (s *Server) init() {
	s.initialized.Do(func() {
		s.runs, s.keys = newRunTable(), newKeyReceiver(s.UDP)
		s.idleConns = &idleConns{max: maxIdleConns}
		if s.maxIdleConns > 0 {
			s.idleConns.max = s.maxIdleConns
		}
	})
}

// Serve accepts connections on ln until ctx is canceled. Then it closes ln and UDP,
// resets the active connections and returns nil. It returns an error if the listener
// fails. Many scenarios depend on resets, so ln must not use MPTCP, which handles
// resets differently.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.Limits = s.Limits.withDefaults()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.lineTimeout == 0 {
		s.lineTimeout = lineTimeout
	}
	s.init()
	s.waits = make(chan struct{}, s.Limits.maxWaits())
	s.slots = accept.NewSlots(s.Limits.Runs+s.Limits.maxWaits()+s.idleConns.max+maxClosing, 0)
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	accepting := accept.NewListener(accept.Config{
		Socket: ln, Slots: s.slots, URL: s.network() + "://" + ln.Addr().String(), Log: s.Log,
		Count: func(r accept.Reason) { s.accepts[r].Add(1) },
	})
	release := context.AfterFunc(ctx, func() { accepting.Close() })
	defer release()
	if s.UDP != nil {
		conns.Go(func() { s.keys.receive(ctx) })
		context.AfterFunc(ctx, func() { s.UDP.Close() })
	}
	for {
		conn, err := accepting.AcceptConn()
		switch {
		case conn == nil:
			accepting.Close()
			if ctx.Err() != nil {
				err = nil // the cause of the error
			}
			return err
		case err != nil: // no slot was free before ctx was canceled
			conn.Close()
			continue
		}
		if resetOnClose(conn) != nil {
			s.accepts[accept.Aborted].Add(1)
			conn.Close()
			s.slots.Release()
			continue
		}
		c := s.newClientConn(conn)
		conns.Go(func() {
			defer s.slots.Release()
			c.serve(ctx)
		})
	}
}

func (s *Server) network() string {
	if s.TLS != nil {
		return "tls"
	}
	return "tcp"
}

// newClientConn returns a client's connection. With TLS, the handshake is part of reading
// the first line, and has its timeout.
func (s *Server) newClientConn(conn net.Conn) *clientConn {
	c := &clientConn{Conn: conn, server: s, idle: s.idleConns.add(conn, false), life: s.beginLife(conn)}
	if s.TLS != nil {
		c.Conn = dial.TLSServer(conn, s.TLS)
	}
	c.in = bufio.NewReaderSize(c.Conn, MaxLine)
	return c
}

// authenticate refuses a request that does not have the token.
func (s *Server) authenticate(r request) error {
	switch {
	case s.Token.IsZero():
		return nil
	case r.token.IsZero():
		return refuse(tokenNeeded, "want token=TOKEN")
	case !s.Token.Equal(r.token):
		return refuse(tokenWrong, "that is not the token")
	}
	return nil
}

// resetOnClose makes every close of conn a reset: by the agent, and by the kernel when
// the process dies. The agent calls it before anything else. Without it, a close with a
// FIN could mean that a scenario ended normally.
func resetOnClose(conn net.Conn) error { return setLinger(conn, 0) }

// reset closes a connection with a reset, and with TLS without close_notify.
func reset(conn net.Conn) error {
	resetOnClose(conn)
	return dial.Transport(conn).Close()
}

// truncate closes a connection with a FIN, and with TLS without close_notify.
func truncate(conn net.Conn) error { return closeWithFIN(dial.Transport(conn)) }

// closeWithFIN closes a connection with a FIN after everything that was sent; with TLS, a
// close_notify comes before the FIN. If the linger option cannot be changed, the close is
// a reset, and an error is returned.
func closeWithFIN(conn net.Conn) error { return errors.Join(setLinger(conn, -1), conn.Close()) }

// setLinger sets SO_LINGER (socket(7)) on a TCP connection, also below TLS.
func setLinger(conn net.Conn, seconds int) error {
	if c, ok := dial.Transport(conn).(interface{ SetLinger(sec int) error }); ok {
		return c.SetLinger(seconds)
	}
	return nil
}
