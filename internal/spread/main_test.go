package spread

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
)

// testTimeout is longer than any test waits.
const testTimeout = time.Minute

// serve starts a worker for a test. It returns its URL, and stop, which ends it as a signal does.
func serve(t *testing.T, w *Worker) (target dial.Target, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if w.silence == 0 {
		w.silence = testTimeout
	}
	w.Echod = "test"
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := w.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); serving.Wait() }
	t.Cleanup(stop)
	return tcp(ln.Addr().String()), stop
}

func tcp(address string) dial.Target { return dial.Target{Network: "tcp", Address: address} }

// coordinate returns a coordinator of workers that waits for events, and not for times.
func coordinate(targets ...dial.Target) *Coordinator {
	return &Coordinator{Echod: "test", Workers: targets, silence: testTimeout, late: testTimeout, lead: 50 * time.Millisecond}
}

// TestMain runs more tests side by side than there are processors: most of their time is spent
// waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "12")
	os.Exit(m.Run())
}

// messages is a plan of that many messages in a closed loop.
func messages(t *testing.T, url string, conns int, n int64) load.Plan {
	t.Helper()
	target, err := dial.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := load.ParseSizes("64")
	if err != nil {
		t.Fatal(err)
	}
	return load.Plan{URL: url, Target: target, Conns: conns, Depth: 1, Sizes: sizes, Messages: n, Timeout: 20 * time.Second, Verify: true, Seed: 4711}
}

// samples is the list of all latencies that fake loads had.
type samples struct {
	mu  sync.Mutex
	all []time.Duration
}

// carry is a load that measures random latencies, and keeps them in the list.
func (s *samples) carry(ctx context.Context, p load.Plan, hold load.Hold, observe func(load.Progress)) (*load.Result, error) {
	if err := hold.Ready(ctx); err != nil {
		return nil, err
	}
	started := time.Now()
	random := rand.New(rand.NewPCG(p.Seed, 0))
	r := result(p, started)
	for range p.Messages {
		d := time.Duration(random.Int64N(int64(500 * time.Millisecond)))
		r.Latency.Record(d)
		s.mu.Lock()
		s.all = append(s.all, d)
		s.mu.Unlock()
	}
	r.Intervals[0].Latency.Add(r.Latency)
	r.Seconds = time.Since(started).Seconds()
	observe(load.Progress{At: time.Second, Interval: r.Intervals[0], Total: load.Outcomes{Due: r.Due, Answered: r.Answered}})
	observe(load.Progress{At: time.Second, Draining: true, Total: load.Outcomes{Due: r.Due, Answered: r.Answered}})
	return r, nil
}

// result is what a worker measures that gets an answer to each message of a plan, without its
// latencies.
func result(p load.Plan, started time.Time) *load.Result {
	n, size := p.Messages, int64(p.Sizes.Min())
	return &load.Result{Format: load.Format, Plan: p, Started: started, Environment: load.Environment{Host: "here", CPUs: 2},
		Due: n, Sent: n, Answered: n, AnsweredInTime: n, BytesIn: n * size, BytesInTime: n * size, BytesOut: n * size, Latency: hist.New(),
		Intervals: []load.Interval{{Due: n, Answered: n, BytesIn: n * size, Conns: p.Conns, Latency: hist.New()}}}
}

// quantileOf returns the quantile of a sorted list, as HdrHistogram defines it.
func quantileOf(sorted []time.Duration, q float64) time.Duration {
	i := int(q*float64(len(sorted)) + 0.5)
	return sorted[min(max(i-1, 0), len(sorted)-1)]
}

func sortedCopy(all []time.Duration) []time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all
}

// blocked is a load that lasts until it is stopped.
type blocked struct {
	begun, ended chan string // the URL of its plan
}

func newBlocked(n int) *blocked { return &blocked{make(chan string, n), make(chan string, n)} }

func (b *blocked) carry(ctx context.Context, p load.Plan, hold load.Hold, _ func(load.Progress)) (*load.Result, error) {
	if err := hold.Ready(ctx); err != nil {
		return nil, err
	}
	started := time.Now()
	b.begun <- p.URL
	<-ctx.Done()
	b.ended <- p.URL
	r := result(p, started)
	r.Due, r.Sent, r.Answered, r.AnsweredInTime, r.BytesIn, r.BytesInTime, r.BytesOut, r.Interrupted = 0, 0, 0, 0, 0, 0, 0, true
	r.Intervals, r.Seconds = nil, time.Since(started).Seconds()
	return r, nil
}

// blames checks that err is about that worker.
func blames(t *testing.T, err error, worker dial.Target) {
	t.Helper()
	if who, ok := errors.AsType[*WorkerError](err); !ok || who.Worker != worker.String() {
		t.Errorf("got %v, want an error of worker %s", err, worker)
	}
}

var secret = agent.NewSecret("open-sesame")
