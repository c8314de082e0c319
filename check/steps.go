package check

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/trace"
)

// Step is one step in the life of a connection, as in a file of --trace-file. docs/trace.md
// describes it. The connection of a Result has its first and last steps, some of those between,
// and steps that count the others.
type Step = trace.Record

// AgentReport is what the remote agent saw of a connection. Its times count from when the agent
// began to run the scenario, on its own clock.
type AgentReport = agent.Report

// steps records what a stream does: in memory, for the report of a failure, and in the trace of
// Options.Trace.
type steps struct {
	began  time.Time
	kept   trace.Kept
	far    *agent.Report // what the agent saw; nil if it has not told
	traced *trace.Life   // nil without a trace

	mu     sync.Mutex
	count  int
	asked  time.Time // when the kernel was last asked what it holds
	ended  bool      // the peer's FIN or reset was read: nothing is unread
	closed bool
}

// The kernel is asked what it holds after a call that failed or met the end of the stream. A trace
// has it also after each of the first calls and, later, each time that askEvery has passed: a rule
// that moves much is not slowed down.
const (
	askedFirst = 20
	askEvery   = 10 * time.Millisecond
)

// add records a call on conn that began at begin and returned err.
func (t *steps) add(conn net.Conn, begin time.Time, err error, rec trace.Record) {
	now := time.Now()
	rec.Took, rec.Errno = now.Sub(begin), trace.ErrorName(err)
	if _, secure := conn.(*tls.Conn); secure && rec.Op == trace.Receive && classify(err) == PrematureEOF && rec.N == 0 {
		rec.Result, rec.Errno = "close_notify", ""
		if !dial.GotCloseNotify(conn, err) {
			rec.Result, rec.Errno = "", "truncated"
		}
	}
	t.mu.Lock()
	t.count++
	ask := err != nil || t.traced != nil && (t.count <= askedFirst || now.Sub(t.asked) >= askEvery)
	if ask {
		t.asked = now
	}
	t.ended = t.ended || rec.Op == trace.Receive && err != nil && !isTimeout(err)
	t.mu.Unlock()
	if ask && rec.Op != trace.Close {
		rec.Held = trace.Inspect(dial.Transport(conn))
	}
	t.traced.Add(begin, rec)
	rec.Time = begin.Sub(t.began)
	t.kept.Add(rec)
}

// looks records how many bytes are unread, if there are any, before a connection is closed: the
// kernel then resets it (RFC 2525, section 2.17).
func (t *steps) looks(conn net.Conn) {
	begin := time.Now()
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	if ended {
		return
	}
	if held := trace.Inspect(dial.Transport(conn)); held != nil && held.Arrived > 0 {
		t.add(conn, begin, nil, trace.Record{Op: trace.Peek, Call: "ioctl", Args: "SIOCINQ", N: held.Arrived, Held: held})
	}
}

// newStream returns the stream of a connection that was made. Scenario is what the agent does on
// it; "" if it is not one to the agent.
func (p *probe) newStream(made attempt, scenario string) *stream {
	conn := made.conn
	s := &stream{Conn: conn, timeout: p.Timeout, release: func() bool { return true }, arrived: time.Now()}
	t := &s.steps
	t.began, t.kept.Side = made.began, trace.Client
	peer, local := addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())
	t.traced = p.Trace.Begin(peer)
	rec := trace.Record{Op: trace.Connect, Call: "Dial", Args: p.target.Network, FD: -1, Rule: p.ruleID(), Peer: trace.UnixPeer}
	if peer.IsValid() {
		rec.Peer, rec.Local = peer.String(), local.String()
		rec.Args += ", " + rec.Peer
	}
	if scenario != "" {
		rec.Args += ", the agent runs " + scenario
	}
	if t.traced != nil {
		rec.Held = trace.Inspect(dial.Transport(conn))
	}
	t.add(conn, made.began, nil, rec)
	p.opened.made(s)
	return s
}

// ruleID returns the ID of the rule; "" for a probe of another kind.
func (p *probe) ruleID() string {
	if strings.Contains(p.rule, "/") {
		return p.rule
	}
	return ""
}

// addressOf returns the address of one end; invalid if it has none, e.g. on a unix socket.
func addressOf(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return unmapped(tcp.AddrPort())
	}
	return netip.AddrPort{}
}

func (s *stream) Read(p []byte) (int, error) {
	begin := time.Now()
	n, err := s.Conn.Read(p)
	s.steps.add(s.Conn, begin, err, trace.Record{Op: trace.Receive, Call: "Read", N: n, Asked: len(p), Data: p})
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	begin := time.Now()
	n, err := s.Conn.Write(p)
	s.steps.add(s.Conn, begin, err, trace.Record{Op: trace.Send, Call: "Write", N: n, Asked: len(p), Data: p})
	return n, err
}

// CloseWrite half-closes the connection, which is a halfCloser. With TLS, that is a close_notify, and
// not a FIN.
func (s *stream) CloseWrite() error { return s.shutdown(s.Conn) }

// shutdown half-closes conn, which is that of s or the one below TLS.
func (s *stream) shutdown(conn net.Conn) error {
	begin := time.Now()
	err := conn.(halfCloser).CloseWrite()
	op := trace.Shutdown
	if _, secure := conn.(*tls.Conn); secure {
		op = trace.CloseNotify
	}
	s.steps.add(s.Conn, begin, err, trace.Record{Op: op, Call: "CloseWrite"})
	return err
}

// Close closes the connection.
func (s *stream) Close() error { return s.end(s.Conn, false) }

// abort resets the connection, where the network has resets. The server then need not
// write what nobody will read.
func (s *stream) abort() { s.end(dial.Transport(s.Conn), true) }

// end closes conn, which is that of s or the one below TLS.
func (s *stream) end(conn net.Conn, reset bool) error {
	t := &s.steps
	t.mu.Lock()
	again := t.closed
	t.closed = true
	t.mu.Unlock()
	if again {
		s.release()
		return conn.Close()
	}
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok && reset {
		begin := time.Now()
		err := c.SetLinger(0)
		t.add(s.Conn, begin, err, trace.Record{Op: trace.LingerOn, Call: "SetLinger", Args: "0"})
	} else {
		t.looks(s.Conn)
	}
	s.release()
	begin := time.Now()
	err := conn.Close()
	t.add(s.Conn, begin, err, trace.Record{Op: trace.Close, Call: "Close"})
	return err
}

// fail returns a failure of this connection that is not about one byte.
func (s *stream) fail(class Class, format string, args ...any) *failure {
	return s.failAt(-1, class, format, args...)
}

// failAt returns a failure of this connection at one byte.
func (s *stream) failAt(offset int64, class Class, format string, args ...any) *failure {
	f := failAt(offset, class, format, args...)
	f.foundOn(s)
	return f
}

// on sets the connection of a failure that has none yet.
func (s *stream) on(err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.on == nil {
		f.foundOn(s)
	}
	return err
}

// foundOn says that f was found on s, and keeps the steps so far: s may go on, e.g. send more.
func (f *failure) foundOn(s *stream) {
	if s != nil {
		f.on, f.steps = s, s.steps.kept.Records()
	}
}

// life returns the steps of the connection on which f was found: those until then, a step that says
// what was found, and how the connection ended. It also returns what the agent saw of it. Both are nil
// if f is not about one connection.
func (f *failure) life() ([]Step, *AgentReport) {
	if f.on == nil {
		return nil, nil
	}
	t := &f.on.steps
	isLater := func(s Step) bool { return s.Time+s.Took > f.at.Sub(t.began) }
	all := slices.DeleteFunc(slices.Clone(f.steps), isLater)
	all = append(all, Step{Time: f.at.Sub(t.began), Conn: 1, Op: trace.Found, Why: f.detail})
	ends := []trace.Op{trace.Shutdown, trace.CloseNotify, trace.LingerOn, trace.Peek, trace.Close}
	for _, s := range t.kept.Records() {
		if isLater(s) && slices.Contains(ends, s.Op) {
			all = append(all, s)
		}
	}
	return all, t.far
}
