package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/sys"
)

// Each connection of three threads echoes, and the sum is exact, whatever the plan is.
func TestThreadsPutOneLoadTogether(t *testing.T) {
	stream, datagrams := echotest.NewServer(t).URL(), echotest.NewUDPServer(t).URL()
	for _, tt := range []struct {
		name, url string
		plan      func(p *Plan)
		want      int64
	}{
		{"closed loop", stream, func(p *Plan) { p.Messages, p.Depth = 1001, 3 }, 1001},
		{"closed loop, as many messages as threads", stream, func(p *Plan) { p.Messages = 3 }, 3},
		{"churn", stream, func(p *Plan) { p.Messages, p.Churn = 101, true }, 101},
		{"open loop", stream, func(p *Plan) { p.Messages, p.Rate = 200, PerSecond(5000) }, 200},
		{"open loop, churn", stream, func(p *Plan) { p.Messages, p.Rate, p.Churn = 100, PerSecond(2000), true }, 100},
		{"datagrams", datagrams, func(p *Plan) { p.Messages, p.Depth = 1001, 4 }, 1001},
		{"datagrams, open loop", datagrams, func(p *Plan) { p.Messages, p.Rate = 200, PerSecond(5000) }, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, tt.url, "64-200")
			p.Conns, p.Threads, p.Duration = 5, 3, 0
			tt.plan(&p)
			r, err := runWith(t.Context(), p, nil, newDriver)
			if err != nil {
				t.Fatal(err)
			}
			if r.Due != tt.want || r.Answered != tt.want || r.Sent != tt.want || !r.Balanced() || r.Plan.Threads != 3 {
				t.Errorf("got %d due, %d sent, %d answered, %v failed; want %d", r.Due, r.Sent, r.Answered, r.Failed, tt.want)
			}
			if r.BytesIn != r.BytesOut || !p.Churn && r.Connects != 5 || p.Churn && r.Connects < tt.want {
				t.Errorf("got %d bytes out, %d in, %d connects", r.BytesOut, r.BytesIn, r.Connects)
			}
			sum := hist.New()
			var answered int64
			for _, in := range r.Intervals {
				sum.Add(in.Latency)
				answered += in.Answered
			}
			if r.Latency.Count() != tt.want || !sum.Equal(r.Latency) || answered != tt.want {
				t.Errorf("got %d latencies, %d answers in the seconds; want %d", r.Latency.Count(), answered, tt.want)
			}
			if !p.Rate.IsZero() && r.SchedulingDelay.Count() != tt.want {
				t.Errorf("got %d scheduling delays, want %d", r.SchedulingDelay.Count(), tt.want)
			}
		})
	}
}

// The samples of three threads are those of one histogram, so percentiles are too.
func TestThreadsHaveTheHistogramOfAllSamples(t *testing.T) {
	p := planOf(t, "udp://127.0.0.1:7", "64")
	p.Conns, p.Threads, p.Duration = 3, 3, time.Second
	all := &threads{runs: newRuns(p, nil)}
	all.begin(0)
	want := hist.New()
	for i, r := range all.runs {
		for n := range int64(1000) {
			latency := (n*n + int64(i)) * 977
			r.tally.claim(n)
			if n%100 == 7 {
				r.tally.lost(n, n+latency)
			} else {
				r.tally.answered(n, n+latency, 64)
			}
			want.Record(time.Duration(latency))
		}
	}
	all.runs[1].tally.wrong(&Wrong{Conn: 1})
	all.stop(int64(time.Second))
	all.nextInterval(int64(time.Second))
	all.lastInterval(int64(time.Second))
	close(all.finished)
	all.archive()
	r, _ := all.total()
	if !r.Latency.Equal(want) || r.Due != 3000 || r.Answered != 2970 || r.Lost != 30 || !r.Balanced() || r.Wrong == nil {
		t.Errorf("got %d due, %d answered, %d lost, latency %+v; want %+v", r.Due, r.Answered, r.Lost, r.Latency.Summary(), want.Summary())
	}
	if o := all.soFar(); o.Due != 3000 || o.UnderWay() != 0 {
		t.Errorf("got %+v so far", o)
	}
}

// deafKernel is the real one, but a wait fails.
type deafKernel struct {
	sys.Linux
	after int // waits
}

func (k *deafKernel) EpollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, sys.Errno) {
	if k.after--; k.after < 0 {
		return 0, unix.EBADF
	}
	return k.Linux.EpollPwait2(epfd, events, timeout)
}

// Without its thread a part of the load is missing, so there is no result.
func TestThreadThatFailsEndsTheRun(t *testing.T) {
	for name, after := range map[string]int{"while it connects": 0, "under load": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, echotest.NewServer(t).URL(), "64")
			p.Conns, p.Threads, p.Duration, p.Timeout = 4, 3, time.Hour, time.Hour
			made := 0
			r, err := runWith(t.Context(), p, nil, func(c *run) (driver, error) {
				if made++; made == 2 {
					return newLoop(c, &deafKernel{after: after})
				}
				return newLoop(c, &sys.Linux{})
			})
			if r != nil || !errors.Is(err, unix.EBADF) || !strings.HasPrefix(err.Error(), "thread 2 of 3: ") {
				t.Errorf("got %v, %v; want the error of thread 2", r, err)
			}
		})
	}
}

func TestThreadThatCannotBeMadeEndsTheRun(t *testing.T) {
	p := planFor(t, echotest.NewServer(t).URL(), "64")
	p.Conns, p.Threads = 4, 3
	refused := errors.New("refused")
	made := 0
	if r, err := runWith(t.Context(), p, nil, func(c *run) (driver, error) {
		if made++; made == 3 {
			return nil, refused
		}
		return newDriver(c)
	}); r != nil || err != refused {
		t.Errorf("got %v, %v; want %v", r, err, refused)
	}
}

func TestInterruptStopsAllThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Conns, p.Threads, p.Duration = 3, 3, time.Hour
		all := &threads{runs: newRuns(p, nil)}
		for _, c := range all.runs {
			all.drivers = append(all.drivers, scripted(func(ctx context.Context) {
				c.answerAfter(seconds(1))
				c.tally.claim(c.now())
				<-ctx.Done()
				c.tally.failed(c.now(), c.now(), dial.Timeout)
			}))
		}
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(90*time.Second, interrupt)
		r, err := all.measure(ctx, func(Progress) {})
		if err != nil || !r.Interrupted || r.Seconds != 90 || r.Answered != 3 || r.Due != 6 {
			t.Errorf("got %+v, %v; want 3 of 6 answered in 90 s", r, err)
		}
	})
}
