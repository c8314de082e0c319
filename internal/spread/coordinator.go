package spread

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/endpoint"
	"echod/internal/load"
)

// Coordinator makes workers carry out one plan together. It puts no load on the target itself.
type Coordinator struct {
	Token agent.Secret
	Echod string // the version of this program, which must be that of all workers

	// Workers are the URLs of the workers. If there is a Name, they are all its addresses, once
	// Expect of them answer, for which the coordinator waits up to Timeout.
	Workers []dial.Target
	Name    dial.Target
	Expect  int
	Timeout time.Duration

	// Insecure and ServerName are what workers do with the certificate of a tls:// target.
	Insecure   bool
	ServerName string

	silence time.Duration // default silence
	lead    time.Duration // default leadTime
	late    time.Duration // default lateLimit
}

const (
	// leadTime is how far ahead the start is, and twice the longest round trip.
	leadTime = 300 * time.Millisecond
	// lateLimit is how long after the start a worker may begin. Others measure without it then.
	lateLimit = time.Second
	// slack is how much longer a worker may take than its plan.
	slack = 15 * time.Second
)

// Progress is the state of all workers together.
type Progress struct {
	load.Progress
	Running, Workers int // how many carry out their load, of how many
}

// Size returns how many workers the coordinator expects.
func (c *Coordinator) Size() int { return max(len(c.Workers), c.Expect) }

// Run carries out whole with all workers and returns the sum of what they measured. It calls
// observe, which may be nil, once a second from one goroutine at a time.
//
// When ctx ends, all workers stop. The sum covers what was due until then, and says that it was
// interrupted; there is none before the load began. The error is a *usage.Error, that of ctx, or a
// *WorkerError. With a *WorkerError there is a result only if each worker has one: then at that
// worker nothing came back.
func (c *Coordinator) Run(ctx context.Context, whole load.Plan, observe func(Progress)) (*load.Result, error) {
	shares, err := Share(whole, c.Size())
	if err != nil {
		return nil, err
	}
	c.silence, c.lead, c.late = cmp.Or(c.silence, silence), cmp.Or(c.lead, leadTime), cmp.Or(c.late, lateLimit)
	members, err := c.gather(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{Coordinator: c, whole: whole, shares: shares, members: members, sum: newProgress(len(members), observe)}
	defer r.close()
	alive, end := context.WithCancel(context.Background())
	defer end()
	for _, m := range members {
		go m.stayAlive(alive, request{Alive: true})
	}
	if err := r.start(ctx); err != nil {
		return nil, stoppedBy(err)
	}
	defer context.AfterFunc(ctx, r.stop)()
	all, problem, err := r.collect()
	if err != nil {
		return nil, stoppedBy(err)
	}
	result, err := all.merge()
	return result, cmp.Or(err, problem)
}

// stoppedBy adds to the error of a worker that the others were stopped.
func stoppedBy(err error) error {
	if worker, ok := errors.AsType[*WorkerError](err); ok {
		worker.Stopped = true
	}
	return err
}

// run is one use of all workers.
type run struct {
	*Coordinator
	whole    load.Plan
	shares   []load.Plan // of each member
	members  []*member
	sum      *progress
	agreed   time.Time // when all are to begin
	stopping atomic.Bool
}

// close ends all connections. Each worker then stops its load.
func (r *run) close() {
	leave(r.members)
}

// stop ends the load of all workers early.
func (r *run) stop() {
	r.stopping.Store(true)
	for _, m := range r.members {
		go m.tell(request{Stop: true}) // of a worker that is lost, collect has the error
	}
}

// start makes all workers connect, compares the clocks, and agrees on the start.
func (r *run) start(ctx context.Context) error {
	conns := time.Duration(r.shares[0].Conns)
	connecting := slack + r.whole.Timeout*(2+conns/128) // 128 connects are in progress at the same time
	if perSecond := r.shares[0].ConnectRate; perSecond > 0 {
		connecting += time.Duration(float64(conns) / perSecond * float64(time.Second))
	}
	err := r.each(ctx, connecting, "has not made its connections", func(ctx context.Context, i int) error {
		j := job{Plan: r.shares[i], Insecure: r.Insecure, ServerName: r.ServerName}
		if network := endpoint.Network(ctx); network != "ip" {
			j.Network = network
		}
		return r.members[i].connect(ctx, j)
	})
	if err != nil {
		return err
	}
	err = r.each(ctx, r.silence, "has not answered all pings", func(ctx context.Context, i int) error {
		return r.members[i].compareClocks(ctx)
	})
	if err != nil {
		return err
	}
	worst := time.Duration(0)
	for _, m := range r.members {
		worst = max(worst, m.offset.uncertainty)
	}
	r.agreed = time.Now().Add(r.lead + 4*worst)
	for _, m := range r.members {
		if err := m.tell(request{Start: &start{m.offset.remote(r.agreed)}}); err != nil {
			return err
		}
	}
	return nil
}

// collect awaits the result of each worker. Problem is that at one of them nothing came back.
func (r *run) collect() (all complete, problem, err error) {
	parts, problems := make([]measured, len(r.members)), make([]error, len(r.members))
	err = r.each(context.Background(), time.Until(r.agreed)+lasts(r.whole)+slack, "has not ended", func(ctx context.Context, i int) error {
		m := r.members[i]
		var seconds []load.Interval
		for {
			reply, err := m.next(ctx)
			switch {
			case err != nil:
				return err
			case reply.Progress != nil:
				if err := r.sum.add(i, *reply.Progress); err != nil {
					return m.fail(err)
				}
			case reply.Second != nil && len(seconds) > int(MaxDuration/time.Second):
				return m.fail(errors.New("sent more seconds than a load has"))
			case reply.Second != nil:
				seconds = append(seconds, *reply.Second)
			case reply.Done != nil:
				c := claim{reply.Done, seconds, m, r.shares[i], r.agreed, time.Now(), r.late, r.stopping.Load()}
				if parts[i], err = c.verify(); err != nil {
					return m.fail(err)
				}
				if text := reply.Done.Problem; text != "" {
					problems[i] = m.fail(errors.New("reports: " + clip(text)))
				}
				if parts[i].Wrong != nil {
					r.stop()
				}
				r.sum.ended(i)
				return nil
			default:
				return m.fail(errUnasked)
			}
		}
	})
	if err != nil {
		return complete{}, nil, err
	}
	all, err = completeOf(r.whole, r.shares, parts)
	return all, cmp.Or(problems...), err
}

// each calls f for each member at the same time. The first error ends the others, and is returned.
// A member for which it takes longer than limit has not done what what says.
func (r *run) each(ctx context.Context, limit time.Duration, what string, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	for i, m := range r.members {
		working.Go(func() {
			limited, end := context.WithTimeoutCause(ctx, limit, m.fail(fmt.Errorf("%s within %s", what, draw.Brief(limit.Round(time.Second)))))
			defer end()
			if err := f(limited, i); err != nil {
				cancel(err)
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// lasts returns how long a plan takes at most, from its start to its last outcome. A closed loop ends
// with a number of messages only if they are answered; it takes MaxDuration at most.
func lasts(p load.Plan) time.Duration {
	measured := p.Duration
	if n := float64(p.Messages); n > 0 {
		seconds := (n/float64(p.Conns) + 1) * p.Timeout.Seconds()
		if perSecond, _ := p.Rate.Constant(); perSecond > 0 {
			seconds = n / perSecond
		}
		measured = time.Duration(min(seconds, MaxDuration.Seconds()) * float64(time.Second))
	}
	return p.Warmup + measured + p.Timeout + time.Second
}
