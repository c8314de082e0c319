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
)

// maxDiscarded is how much a client may send behind a request that has no
// scenario, in bytes.
const maxDiscarded = 64 << 10

// caller is one connection and its request.
type caller struct {
	server *Server
	conn   net.Conn
	in     *bufio.Reader // of conn
	place  place         // among the newcomers, while it is one
}

// serve answers the first line of the connection.
func (c *caller) serve(ctx context.Context) {
	release := context.AfterFunc(ctx, func() { abort(c.conn) })
	defer release()
	defer func() { c.server.newcomers.remove(c.place) }()
	c.conn.SetDeadline(time.Now().Add(c.server.lineTime))
	line, err := c.in.ReadSlice('\n')
	if err != nil && len(line) == 0 || errors.Is(err, net.ErrClosed) {
		closeInOrder(c.conn) // who says nothing is not answered: a health check
		return
	}
	var r request
	if err != nil {
		err = refuse(malformed, "a first line has up to %d bytes and takes up to %v", MaxLine, c.server.lineTime)
	} else {
		r, err = parseRequest(string(line[:len(line)-1]))
	}
	authenticated := false
	if err == nil {
		err = c.server.authenticate(r)
		authenticated = err == nil
	}
	if err == nil {
		err = c.answer(ctx, r)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		c.server.runs.countRefusal()
		c.logRefusal(refusal, r, authenticated)
		c.finish(answerRefusal(refusal))
	}
}

// answer does what r asks for. A *Refusal is yet to be sent.
func (c *caller) answer(ctx context.Context, r request) error {
	if r.verb == verbRun {
		return c.run(ctx, r)
	}
	if r.scenario != "" {
		return refuse(unknown, "%s %s", r.quote(r.verb), r.quote(r.scenario))
	}
	body, err := c.query(r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.finish(answerOK(text))
	return nil
}

// run gives the connection to a scenario.
func (c *caller) run(ctx context.Context, r request) error {
	s := c.server
	sc, err := s.lookup(r)
	if err != nil {
		return err
	}
	script, err := sc.script(r, s.Limits)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Time)
	defer cancel()
	acting := newRun(ctx, r, script)
	acting.conn, acting.in, acting.limit = c.conn, c.in, s.Limits.Bytes
	if err := s.runs.add(acting, s.Limits.Runs); err != nil {
		return err
	}
	s.newcomers.remove(c.place)
	c.conn.SetDeadline(acting.start.Add(s.Limits.Time))
	if sc.udp {
		acting.keys = s.keys
		acting.key, acting.arrivals = s.keys.newKey()
	}
	acting.act(sc.act)
	s.runs.finish(acting)
	seen := acting.snapshot()
	c.logger().Info("acted", slog.String("scenario", seen.Scenario), slog.String("end", string(seen.End)),
		slog.Int64("received", seen.Received), slog.Int64("ms", seen.TotalMS))
	return nil
}

// finish sends the last line of a connection and leaves the close to the client: a
// close of the agent's could be a reset, or be made one, and overtake the line.
func (c *caller) finish(line []byte) {
	defer closeInOrder(c.conn)
	c.server.newcomers.setAnswered(c.place)
	c.conn.SetDeadline(time.Now().Add(lineTime))
	if _, err := c.conn.Write(line); err == nil {
		io.CopyN(io.Discard, c.conn, maxDiscarded)
	}
}

// logRefusal logs why a request was refused. Of the request it logs nothing
// before that was authenticated, and then only words that the agent knows.
func (c *caller) logRefusal(refusal *Refusal, r request, authenticated bool) {
	attrs := []slog.Attr{slog.String("kind", string(refusal.Kind))}
	if authenticated {
		attrs = append(attrs, slog.String("verb", known(r.verb, verbHello, verbRun, verbReport, verbCount)))
	}
	if authenticated && r.scenario != "" {
		attrs = append(attrs, slog.String("scenario", known(r.scenario, c.server.scenarioNames()...)))
	}
	c.logger().LogAttrs(context.Background(), slog.LevelWarn, "request refused", attrs...)
}

func (c *caller) logger() *slog.Logger {
	return c.server.Log.With(slog.String("client", c.conn.RemoteAddr().String()))
}

// known is word if it is one of words, else "other".
func known(word string, words ...string) string {
	if slices.Contains(words, word) {
		return word
	}
	return "other"
}
