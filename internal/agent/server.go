package agent

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/accept"
)

// Limits bound what an agent does for its clients.
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

// delay is the longest delay that a scenario may ask for: what comes before and
// after it takes time, too.
func (l Limits) delay() time.Duration { return l.Time * 9 / 10 }

// waits is how many requests may wait for the end of a run at once.
func (l Limits) waits() int { return 2 * l.Runs }

// closing is how many connections may be between two states, or have been closed
// and not yet released their resources. They never wait for anybody.
const closing = 64

// lineTime is how long a connection may take over its first line, and how long
// an answer may take to be sent.
const lineTime = 5 * time.Second

// Server acts scenarios out.
type Server struct {
	Token  Secret // what every request must bring; the zero value asks for none
	Limits Limits
	UDP    *net.UDPConn // where datagrams come in; nil: no scenario is about them
	Log    *slog.Logger // default: none

	lineTime     time.Duration // default lineTime
	maxNewcomers int           // default maxNewcomers

	initialized sync.Once
	runs        *runTable
	keys        *keyReceiver // of UDP
	newcomers   *newcomers
	slots       *accept.Slots // one for each connection
	accepts     [accept.NumReasons]atomic.Uint64
	waits       chan struct{} // holds one for each REPORT that waits
}

// init makes what both Serve and Snapshot use.
func (s *Server) init() {
	s.initialized.Do(func() {
		s.runs, s.keys = newRunTable(), newKeyReceiver(s.UDP)
		s.newcomers = &newcomers{max: maxNewcomers}
		if s.maxNewcomers > 0 {
			s.newcomers.max = s.maxNewcomers
		}
	})
}

// Serve accepts connections on ln until ctx ends, then closes it and UDP, resets
// the active connections and returns nil. The error is the listener's. Many
// scenarios depend on resets: ln must not be of MPTCP, whose resets are another
// thing.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.Limits = s.Limits.withDefaults()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.lineTime == 0 {
		s.lineTime = lineTime
	}
	s.init()
	s.waits = make(chan struct{}, s.Limits.waits())
	s.slots = accept.NewSlots(s.Limits.Runs+s.Limits.waits()+s.newcomers.max+closing, 0)
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	accepting := accept.NewListener(accept.Config{
		Socket: ln, Slots: s.slots, URL: "tcp://" + ln.Addr().String(), Log: s.Log,
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
			return unlessDone(ctx, err)
		case err != nil: // there was no place before the end
			conn.Close()
			continue
		}
		if resetAtClose(conn) != nil {
			s.accepts[accept.Aborted].Add(1)
			conn.Close()
			s.slots.Release()
			continue
		}
		c := &caller{server: s, conn: conn, in: bufio.NewReaderSize(conn, MaxLine), place: s.newcomers.add(conn, false)}
		conns.Go(func() {
			defer s.slots.Release()
			c.serve(ctx)
		})
	}
}

// unlessDone is err, or nil if ctx has ended: then that is why there is an error.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// authenticate refuses a request without the token.
func (s *Server) authenticate(r request) error {
	switch {
	case s.Token.IsZero():
		return nil
	case r.token.IsZero():
		return refuse(tokenNeeded, "give it with token=TOKEN")
	case !s.Token.Equal(r.token):
		return refuse(tokenWrong, "that is not the token")
	}
	return nil
}
