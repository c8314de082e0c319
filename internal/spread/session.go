package spread

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/load"
)

// session is one coordinator's use of a worker. One goroutine reads; another carries out the job.
type session struct {
	*lines
	worker *Worker
	epoch  time.Time // when the clock of the session was 0

	begin chan int64    // when the load is to begin, on the clock
	stop  func()        // ends the load early
	gone  chan struct{} // closed when the coordinator is
	sent  bool          // the result; valid after serve
}

func newSession(w *Worker, l *lines) *session {
	return &session{lines: l, worker: w, epoch: time.Now(), begin: make(chan int64, 1), gone: make(chan struct{})}
}

// clock returns the nanoseconds since the session began. A clock of the system that is set does not
// change it.
func (s *session) clock(at time.Time) int64 { return int64(at.Sub(s.epoch)) }

// serve carries out one job. It returns when the coordinator has gone and nothing of the load is
// left. The error says why there is no result.
func (s *session) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loading, stop := context.WithCancel(ctx)
	s.stop = stop
	var working sync.WaitGroup
	working.Go(func() { s.stayAlive(ctx, reply{Alive: true}) })
	jobs := make(chan job, 1)
	var failed error // of the job, for the log
	working.Go(func() {
		select {
		case j := <-jobs:
			failed = s.do(loading, j)
		case <-ctx.Done():
		}
	})
	err := s.listen(jobs)
	close(s.gone)
	cancel()
	working.Wait()
	if errors.Is(err, errClosed) {
		err = nil // this is how a session ends
	}
	return errors.Join(err, failed)
}

// listen does what the coordinator asks for, until it is gone.
func (s *session) listen(jobs chan<- job) error {
	had, begun := false, false
	for {
		r, err := read[request](s.lines, maxLine)
		if err != nil {
			return err
		}
		switch {
		case r.Ping != 0:
			err = s.write(reply{Pong: &pong{r.Ping, s.clock(time.Now())}}, maxLine)
		case r.Job != nil && !had:
			had = true
			jobs <- *r.Job
		case r.Start != nil && had && !begun:
			begun = true
			s.begin <- r.Start.At
		case r.Stop:
			s.stop()
		case r.Alive:
		default:
			err = &Refusal{KindProtocol, "want one hello, one job and one start, in this order"}
			s.write(reply{Error: err.(*Refusal)}, maxLine)
		}
		if err != nil {
			return err
		}
	}
}

// do carries out a job and sends its result, or why there is none.
func (s *session) do(ctx context.Context, j job) error {
	plan, err := s.accept(ctx, j)
	if err != nil {
		s.write(reply{Error: &Refusal{KindPlan, clip(err.Error())}}, maxLine)
		return err
	}
	s.worker.Log.Info("making connections", slog.String("target", plan.URL), slog.Int("conns", plan.Conns))
	var began int64
	hold := load.Hold{Abandoned: s.gone, Ready: func(ctx context.Context) error {
		at, err := s.await(ctx)
		began = at
		return err
	}}
	result, err := s.worker.carry(endpoint.WithNetwork(ctx, network(j)), plan, hold, func(now load.Progress) {
		s.write(reply{Progress: &now}, maxLine) // an error ends the connection, which listen notices
	})
	select {
	case <-s.gone:
		return nil // the error of listen says why
	default:
	}
	if result == nil || result.Seconds == 0 && result.Wrong == nil {
		err = cmp.Or(err, errors.New("it was stopped before its measurement"))
		s.write(reply{Error: &Refusal{KindLoad, clip(err.Error())}}, maxLine)
		return err
	}
	result.Echod = s.worker.Echod
	d := &done{Began: began, Measured: s.clock(result.Started), Result: result}
	if err != nil {
		d.Problem, err = clip(err.Error()), nil
	}
	seconds := result.Intervals
	result.Intervals = nil
	s.worker.Log.Info("the load is over", slog.Int64("due", result.Due), slog.Int64("answered", result.Answered))
	for i := range seconds {
		err = cmp.Or(err, s.write(reply{Second: &seconds[i]}, maxSecond))
	}
	if err = cmp.Or(err, s.write(reply{Done: d}, maxResult)); err != nil {
		s.write(reply{Error: &Refusal{KindLoad, "its result cannot be sent: " + clip(err.Error())}}, maxLine)
	}
	s.sent = err == nil
	return err
}

// accept returns the plan of a job, if the worker carries out such a plan.
func (s *session) accept(ctx context.Context, j job) (load.Plan, error) {
	plan := j.Plan
	target, err := dial.Parse(plan.URL, "tcp", "tls", "udp")
	if err != nil {
		return plan, err
	}
	if target.Network == "tls" {
		target.TLS = &tls.Config{InsecureSkipVerify: j.Insecure, ServerName: j.ServerName}
	}
	allowed := permits(s.worker.Allow)
	target.Permit = allowed.check
	plan.Target = target
	if err := plan.Check(); err != nil {
		return plan, err
	}
	if err := remote(plan); err != nil {
		return plan, err
	}
	if plan.Conns > s.worker.MaxConns {
		return plan, fmt.Errorf("%d connections: this worker can have %d (the limit of open files, ulimit -n)", plan.Conns, s.worker.MaxConns)
	}
	looking, cancel := context.WithTimeout(endpoint.WithNetwork(ctx, network(j)), plan.Timeout)
	defer cancel()
	return plan, allowed.checkAll(looking, target)
}

// network returns the network of the names of a job.
func network(j job) string {
	if j.Network == "ip4" || j.Network == "ip6" {
		return j.Network
	}
	return "ip"
}

// await says that the connections are made, and waits for the start. It returns when the load
// begins, on the clock.
func (s *session) await(ctx context.Context) (int64, error) {
	if err := s.write(reply{Ready: true}, maxLine); err != nil {
		return 0, err
	}
	var at int64
	select {
	case at = <-s.begin:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	wait := time.Duration(at - s.clock(time.Now()))
	if wait > maxLead {
		return 0, fmt.Errorf("a start %s ahead: want at most %s", wait, maxLead)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.clock(time.Now()), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
