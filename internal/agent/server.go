package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Limits bound what an agent can be told to do.
type Limits struct {
	Time  time.Duration // of one scenario; default DefaultTime
	Bytes int64         // that one scenario takes; default DefaultBytes
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

// delay is the longest that a scenario may be told to wait: what comes before it
// and after it takes time, too.
func (l Limits) delay() time.Duration { return l.Time * 9 / 10 }

// lineTime is how long a connection may take over its first line, and how long
// an answer may take to be sent.
const lineTime = 5 * time.Second

// Server acts scenarios out.
type Server struct {
	Token  string // what every request must bring; "" asks for none
	Limits Limits
	UDP    *net.UDPConn // where datagrams come in; nil: no scenario is about them
	Log    *slog.Logger // default: none

	lineTime time.Duration // default lineTime

	opened sync.Once
	book   *book
	post   *post         // of UDP
	places chan struct{} // one for each connection
}

// Serve accepts connections on ln until ctx ends, then closes it and UDP, resets
// what goes on and returns nil. The error is the listener's. A reset is what many
// scenarios are about: ln must not be of MPTCP, which has another idea of it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.Limits = s.Limits.withDefaults()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.lineTime == 0 {
		s.lineTime = lineTime
	}
	s.records()
	// Besides those that act, some ask for reports, or have yet to say what
	// they want.
	s.places = make(chan struct{}, 4*s.Limits.Runs)
	var conns sync.WaitGroup
	defer conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := context.AfterFunc(ctx, func() { ln.Close() })
	defer release()
	if s.UDP != nil {
		s.post = newPost(s.UDP)
		conns.Go(func() { s.post.deliver(ctx) })
		context.AfterFunc(ctx, func() { s.UDP.Close() })
	}
	for {
		s.places <- struct{}{}
		conn, err := accept(ctx, ln)
		if err != nil {
			ln.Close()
			return onlyNews(ctx, err)
		}
		conns.Go(func() {
			defer func() { <-s.places }()
			s.serve(ctx, conn)
		})
	}
}

// accept goes on where the cause passes: descriptors run out, or a client was
// gone before it was accepted.
func accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for {
		conn, err := ln.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || ctx.Err() != nil || !errors.As(err, &passing) || !passing.Temporary() {
			return conn, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func onlyNews(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// serve answers one connection's first line.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	release := context.AfterFunc(ctx, func() { abort(conn) })
	defer release()
	conn.SetDeadline(time.Now().Add(s.lineTime))
	in := bufio.NewReaderSize(conn, MaxLine)
	log := s.Log.With(slog.String("client", conn.RemoteAddr().String()))
	line, err := in.ReadSlice('\n')
	if err != nil && len(line) == 0 {
		conn.Close() // who says nothing is not answered: a health check
		return
	}
	if err != nil {
		err = refuse(malformed, "a first line has up to %d bytes and takes up to %v", MaxLine, s.lineTime)
	} else {
		err = s.answer(ctx, conn, in, string(line[:len(line)-1]), log)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		s.book.refuse()
		log.Warn("refused", slog.String("kind", string(refusal.Kind)), slog.String("why", refusal.Text))
		finish(conn, answerRefusal(refusal))
	}
}

// finish sends the last line of a connection and leaves the end to the client: a
// close of the agent's could be a reset, or be made one, and overtake the line.
func finish(conn net.Conn, line []byte) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(lineTime))
	if _, err := conn.Write(line); err == nil {
		io.CopyN(io.Discard, conn, 64<<10)
	}
}

// answer does what line asks for. A *Refusal is yet to be sent.
func (s *Server) answer(ctx context.Context, conn net.Conn, in io.Reader, line string, log *slog.Logger) error {
	r, err := parseRequest(line)
	if err != nil {
		return err
	}
	if err := s.admit(r); err != nil {
		return err
	}
	if r.verb == verbRun {
		return s.run(ctx, conn, in, r, log)
	}
	if r.scenario != "" {
		return refuse(unknown, "%s %s", r.verb, r.scenario)
	}
	body, err := s.tell(ctx, r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	finish(conn, answerOK(text))
	return nil
}

func (s *Server) admit(r request) error {
	switch got := r.params["token"]; {
	case s.Token == "":
		return nil
	case got == "":
		return refuse(tokenNeeded, "give it with token=TOKEN")
	case !sameToken(got, s.Token):
		return refuse(tokenWrong, "that is not the token")
	}
	return nil
}

// run gives the connection to a scenario.
func (s *Server) run(ctx context.Context, conn net.Conn, in io.Reader, r request, log *slog.Logger) error {
	sc, err := s.lookup(r.scenario)
	if err != nil {
		return err
	}
	script, err := sc.script(r, s.Limits)
	if err != nil {
		return err
	}
	if _, err := r.name("id"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Time)
	defer cancel()
	acting := newRun(ctx, r, script)
	acting.conn, acting.in, acting.limit = conn, in, s.Limits.Bytes
	if err := s.book.begin(acting, s.Limits.Runs); err != nil {
		return err
	}
	conn.SetDeadline(acting.start.Add(s.Limits.Time))
	if sc.post {
		acting.post = s.post
		acting.key, acting.letters = s.post.expect()
	}
	acting.act(sc.act)
	s.book.end(acting)
	seen := acting.seen()
	log.Info("acted", slog.String("scenario", seen.Scenario), slog.String("end", string(seen.End)),
		slog.Int64("received", seen.Received), slog.Int64("ms", seen.TotalMS))
	return nil
}
