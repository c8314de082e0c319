package agent

import (
	"context"
	"math"
	"time"
)

// tell is what HELLO, REPORT and COUNT are answered.
func (s *Server) tell(ctx context.Context, r request) (any, error) {
	switch r.verb {
	case verbHello:
		return Hello{s.scenarioNames(), s.Limits.delay().Milliseconds()}, r.only()
	case verbReport:
		return s.report(ctx, r)
	case verbCount:
		return s.count(r)
	}
	return nil, refuse(unknown, "%s", r.verb)
}

// Hello is what an agent says of itself.
type Hello struct {
	Scenarios  []string `json:"scenarios"`
	MaxDelayMS int64    `json:"max_delay_ms"` // the longest delay that it allows
}

type counted struct {
	Open int `json:"open"`
}

func (s *Server) count(r request) (any, error) {
	if err := r.only("group"); err != nil {
		return nil, err
	}
	group, err := r.name("group")
	return counted{s.book.count(group)}, err
}

// report waits for the end of a run, for as long as it is asked to.
func (s *Server) report(ctx context.Context, r request) (any, error) {
	if err := r.only("id", "wait"); err != nil {
		return nil, err
	}
	id, err := r.name("id")
	if err != nil {
		return nil, err
	}
	wait, err := r.number("wait", math.MaxInt32)
	if err != nil {
		return nil, err
	}
	found, err := s.book.find(id)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(min(time.Duration(wait)*time.Millisecond, s.Limits.Time))
	defer timer.Stop()
	select {
	case <-found.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return found.seen(), nil
}
