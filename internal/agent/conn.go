package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"echod/internal/dial"
	"echod/internal/trace"
)

const (
	// maxDiscarded is how many bytes a client may send after a request without a
	// scenario.
	maxDiscarded = 64 << 10

	// MaxWait is the longest wait of a REPORT.
	MaxWait = 10 * time.Minute
)

// clientConn is one connection of a client, which makes one request.
type clientConn struct {
	net.Conn
	server *Server
	in     *bufio.Reader // reads from Conn
	life   *connLife
	idle   idleRef // while no scenario runs and no report is waited for
}

// serve reads the request on the first line and answers it.
func (c *clientConn) serve(ctx context.Context) {
	release := context.AfterFunc(ctx, func() { c.life.close(c.Conn, false, reset) })
	defer release()
	defer func() { c.server.idleConns.remove(c.idle) }()

	c.SetDeadline(time.Now().Add(c.server.lineTimeout))
	begin := c.life.Now()
	line, err := c.in.ReadSlice('\n')
	if err != nil && len(line) == 0 || errors.Is(err, net.ErrClosed) {
		c.life.close(c.Conn, true, closeWithFIN) // a client that sends nothing gets no answer: it is a health check
		return
	}
	var r request
	if err != nil {
		err = refuse(malformed, "want a first line of at most %d bytes within %v", MaxLine, c.server.lineTimeout)
	} else {
		r, err = parseRequest(string(line[:len(line)-1]))
	}
	authenticated := false
	if err == nil {
		err = c.server.authenticate(r)
		authenticated = err == nil
	}
	c.life.record(begin, c.Conn, nil, trace.Record{Op: trace.Other, Call: "request", Why: c.words(r, authenticated)})
	if err == nil && r.verb == verbRun {
		err = c.run(ctx, r)
	} else if err == nil {
		err = c.answer(r)
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		c.server.runs.countRefusal()
		c.logRefusal(refusal, r, authenticated)
		c.finish(refusalLine(refusal))
	}
}

// run runs a scenario on the connection.
func (c *clientConn) run(ctx context.Context, r request) error {
	s := c.server
	scenario, err := s.findScenario(r)
	if err != nil {
		return err
	}
	script, err := scenario.script(r, s.Limits)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Time)
	defer cancel()
	run := newRun(ctx, r, script)
	run.conn, run.in, run.life, run.maxBytes = c.Conn, c.in, c.life, s.Limits.Bytes
	if err := s.runs.add(run, s.Limits.Runs); err != nil {
		return err
	}
	s.idleConns.remove(c.idle)
	c.SetDeadline(run.start.Add(s.Limits.Time))
	if scenario.expect != nil {
		run.keys = s.keys
		scenario.expect(run)
	}
	run.do(scenario.run)
	s.runs.finish(run)
	report := run.snapshot()
	c.logger().Info("scenario ended", slog.String("scenario", report.Scenario), slog.String("end", string(report.End)),
		slog.Int64("received", report.Received), slog.Int64("ms", report.TotalMS))
	return nil
}

// answer answers a HELLO, REPORT or COUNT.
func (c *clientConn) answer(r request) error {
	if r.scenario != "" {
		return refuse(unknown, "%s %s", r.quote(r.verb), r.quote(r.scenario))
	}
	var body any
	var err error
	switch r.verb {
	case verbHello:
		body, err = c.server.hello(), r.allowOnly()
	case verbReport:
		body, err = c.report(r)
	case verbCount:
		body, err = c.count(r)
	default:
		err = refuse(unknown, "%s", r.quote(r.verb))
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.finish(okLine(text))
	return nil
}

// Hello is the answer to HELLO.
type Hello struct {
	Scenarios  []string `json:"scenarios"`
	MaxDelayMS int64    `json:"max_delay_ms"`  // the longest delay of a scenario
	TLS        bool     `json:"tls,omitempty"` // the agent itself speaks TLS; otherwise a tls:// URL leads to a TLS terminator
}

func (s *Server) hello() Hello {
	return Hello{s.scenarioNames(), s.Limits.maxDelay().Milliseconds(), s.TLS != nil}
}

type countAnswer struct {
	Open int `json:"open"`
}

func (c *clientConn) count(r request) (any, error) {
	if err := r.allowOnly("group"); err != nil {
		return nil, err
	}
	group, err := r.name("group")
	if err != nil {
		return nil, err
	}
	return countAnswer{c.server.runs.count(group)}, nil
}

// report returns the report of a run. If the request has a wait and the run has not
// ended, it waits first.
func (c *clientConn) report(r request) (any, error) {
	if err := r.allowOnly("id", "wait"); err != nil {
		return nil, err
	}
	id, err := r.name("id")
	if err != nil {
		return nil, err
	}
	ms, err := r.number("wait", MaxWait.Milliseconds())
	if err != nil {
		return nil, err
	}
	run, err := c.server.runs.find(id)
	if err != nil {
		return nil, err
	}
	if wait := time.Duration(ms) * time.Millisecond; wait > 0 && !run.ended() {
		if err := c.wait(run, min(wait, c.server.Limits.Time)); err != nil {
			return nil, err
		}
	}
	return run.snapshot(), nil
}

// wait waits until the run has ended, but not longer than d. It returns earlier when
// the client sends a FIN or too much, or when the agent ends and closes the connection.
// A connection that waits is not idle.
func (c *clientConn) wait(run *run, d time.Duration) error {
	select {
	case c.server.waits <- struct{}{}:
		defer func() { <-c.server.waits }()
	default:
		return refuse(busy, "the limit is %d requests that wait; retry later, or without wait", cap(c.server.waits))
	}
	if !c.server.idleConns.remove(c.idle) {
		return net.ErrClosed
	}
	defer func() { c.idle = c.server.idleConns.add(dial.Transport(c.Conn), true) }()
	c.SetReadDeadline(time.Time{})
	clientLeft := make(chan struct{})
	go func() {
		defer close(clientLeft)
		io.CopyN(io.Discard, c.in, maxDiscarded)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-run.done:
	case <-timer.C:
	case <-clientLeft:
	}
	c.SetReadDeadline(time.Unix(1, 0)) // ends the goroutine
	<-clientLeft
	return nil
}

// finish sends the last line of a connection, and waits for the client to close it. If
// the agent closed first, its close could be a reset, or a path could make it a reset,
// and the client would lose the line.
func (c *clientConn) finish(line []byte) {
	defer func() { c.life.close(c.Conn, true, closeWithFIN) }()
	c.server.idleConns.setAnswered(c.idle)
	c.SetDeadline(time.Now().Add(lineTimeout))
	begin := c.life.Now()
	_, err := c.Write(line)
	c.life.record(begin, c.Conn, err, trace.Record{Op: trace.Other, Call: "answer"})
	if err == nil {
		io.CopyN(io.Discard, c.Conn, maxDiscarded)
	}
}

// logRefusal logs why a request was refused. It logs words of an authenticated request
// only, and only words that the agent knows.
func (c *clientConn) logRefusal(refusal *Refusal, r request, authenticated bool) {
	attrs := []slog.Attr{slog.String("kind", string(refusal.Kind))}
	if authenticated {
		attrs = append(attrs, slog.String("verb", known(r.verb, verbHello, verbRun, verbReport, verbCount)))
	}
	if authenticated && r.scenario != "" {
		attrs = append(attrs, slog.String("scenario", known(r.scenario, c.server.scenarioNames()...)))
	}
	c.logger().LogAttrs(context.Background(), slog.LevelWarn, "request refused", attrs...)
}

// words returns what a request asks for, if it is authenticated: only words that the agent knows.
func (c *clientConn) words(r request, authenticated bool) string {
	switch {
	case !authenticated:
		return "the client's request is refused"
	case r.scenario != "":
		return "the client asks for the scenario " + known(r.scenario, c.server.scenarioNames()...)
	}
	return "the client asks for " + known(r.verb, verbHello, verbReport, verbCount)
}

func (c *clientConn) logger() *slog.Logger {
	return c.server.Log.With(slog.String("client", c.RemoteAddr().String()))
}

// known returns word if it is one of words, and "other" if not.
func known(word string, words ...string) string {
	if slices.Contains(words, word) {
		return word
	}
	return "other"
}
