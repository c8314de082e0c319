package check

import (
	"errors"
	"fmt"
	"sync/atomic"

	"echod/internal/dial"
)

var aborts = Rule{
	ID:       "stream/aborts",
	Networks: []string{"tcp", "tls"},
	Sends:    "200 connections, 8 at a time, a third of them reset with bytes under way; then 60 fresh ones",
	Expects:  "that each connection is served",
	Meaning:  "Clients that abort use up the service: after some of them, new clients are not served.",
	Causes: []Cause{
		{
			Classes: []Class{Timeout, Refused, Reset, PrematureEOF, TLS},
			Text:    "a slot (descriptor, port, stream of a tunnel) that is freed when a connection ends with a FIN, and not when it is reset; or a limit on the rate of connections",
			Remedy:  "free the slot however a connection ends; without that, restart what has used them up",
		},
	},
	stage: last,
	run:   runAborts,
}

const (
	manyConns  = 200
	freshConns = 60
	abortEvery = 3
)

func runAborts(p *probe) error {
	if err := serveOne(p, 0, false); err != nil {
		var skip skipped
		if errors.As(err, &skip) {
			return err
		}
		return skipped("a single connection is not served either: " + err.Error())
	}
	var aborted, failed atomic.Int64
	const total = manyConns + freshConns
	together, note := min(8, p.Conns), ""
	for done := 0; done < total; {
		n := min(together, total-done)
		err := atOnce(n, func(i int) error {
			abort := (done+i)%abortEvery == 0 && done < manyConns
			err := serveOne(p, i, abort)
			switch {
			case err != nil:
				failed.Add(1)
			case abort:
				aborted.Add(1)
			}
			return err
		})
		if err != nil && together > 1 && !p.Strict && !isWrong(err) {
			// A path that takes few connections frees those that have ended a little later.
			together, note = 1, "; one at a time, after: "+plainText(err)
			p.pause(askAfter)
			continue
		}
		if err != nil {
			return inCase(fmt.Sprintf("after %d connections, %d of them aborted", done, aborted.Load()), err)
		}
		done += n
	}
	p.connections.forgive(int(failed.Load()))
	p.setNote("%d of %d connections were aborted, the others were served%s", aborted.Load(), total, note)
	return nil
}

// serveOne makes a connection and expects what it sends. To abort it, it sends more, reads
// nothing of that and resets the connection.
func serveOne(p *probe, conn int, abort bool) error {
	s, err := p.open()
	if err != nil {
		return connectFailure(err)
	}
	defer s.Close()
	out, back := p.payload(conn), p.payload(conn)
	if err := s.exchange(out, back, 1<<10); err != nil || !abort {
		return err
	}
	if _, ok := dial.Transport(s.Conn).(interface{ SetLinger(sec int) error }); !ok {
		return skipped("this connection cannot be reset")
	}
	if err := s.sendFrom(out, 32<<10); err != nil {
		return err
	}
	s.abort()
	return nil
}
