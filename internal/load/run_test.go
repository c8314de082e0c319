package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/endpoint"
)

// eachDriver runs f once for each driver.
func eachDriver(t *testing.T, f func(t *testing.T, run runner)) {
	for name, make := range drivers {
		t.Run(name, func(t *testing.T) {
			f(t, func(ctx context.Context, p Plan) (*Result, error) { return runWith(ctx, p, nil, make) })
		})
	}
}

type runner func(context.Context, Plan) (*Result, error)

// planFor returns a short plan for a test that puts load on the server at url. Such tests
// are skipped in short mode.
func planFor(t *testing.T, url, sizes string) Plan {
	t.Helper()
	if testing.Short() {
		t.Skip("puts load on a server, which takes too long for short mode")
	}
	return planOf(t, url, sizes)
}

// planOf returns a valid plan.
func planOf(t *testing.T, url, sizes string) Plan {
	t.Helper()
	target, err := dial.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{URL: url, Target: target, Conns: 5, Depth: 1, Duration: 200 * time.Millisecond,
		Timeout: 10 * time.Second, Verify: true, Seed: 1}
	if p.Sizes, err = ParseSizes(sizes); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryNetworkAnswersTheLoad(t *testing.T) {
	tcp, unix, udp := echotest.NewServer(t).URL(), echotest.NewUnixServer(t).URL(), echotest.NewUDPServer(t).URL()
	tests := []struct {
		name string
		plan func(p *Plan)
		url  string
		size string
	}{
		{"tcp, closed loop", func(p *Plan) {}, tcp, "64"},
		{"tcp, four in flight", func(p *Plan) { p.Depth = 4 }, tcp, "1-100KiB"},
		{"tcp, more than the buffers hold", func(p *Plan) { p.Depth, p.Conns, p.Duration, p.Messages = 4, 2, 0, 4 }, tcp, "4MiB"},
		{"tcp, open loop", func(p *Plan) { p.Rate = PerSecond(500) }, tcp, "64:9,4KiB:1"},
		{"tcp, churn", func(p *Plan) { p.Churn = true }, tcp, "64"},
		{"tcp, churn on a schedule", func(p *Plan) { p.Churn, p.Rate = true, PerSecond(100) }, tcp, "64"},
		{"tcp, not verified", func(p *Plan) { p.Verify = false }, tcp, "64"},
		{"unix, closed loop", func(p *Plan) {}, unix, "64"},
		{"unix, churn", func(p *Plan) { p.Churn = true }, unix, "64"},
		{"udp, closed loop", func(p *Plan) { p.Depth = 8 }, udp, "16-1400"},
		{"udp, open loop", func(p *Plan) { p.Rate = PerSecond(500) }, udp, "64"},
	}
	eachDriver(t, func(t *testing.T, run runner) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				p := planFor(t, tt.url, tt.size)
				tt.plan(&p)
				if p.Rate.IsZero() && p.Messages == 0 {
					p.Duration, p.Messages = 0, 100 // a busy machine may take long for them
				}
				r, err := run(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				if r.Answered == 0 || r.Wrong != nil || len(r.Failed) > 0 {
					t.Errorf("got %d messages, wrong %+v, errors %v; want some, nothing wrong, no errors", r.Answered, r.Wrong, r.Failed)
				}
				if got := r.Intervals[0].Conns; !p.Churn && got != p.Conns {
					t.Errorf("got %d connections, want %d", got, p.Conns)
				}
				if r.Latency.Count() != r.Answered || r.Latency.Quantile(0.5) <= 0 {
					t.Errorf("got %d latencies of %d messages, p50 %v", r.Latency.Count(), r.Answered, r.Latency.Quantile(0.5))
				}
				if r.Answered != r.Due || r.Sent != r.Due {
					t.Errorf("got %d due, %d sent, %d answered; want all of them", r.Due, r.Sent, r.Answered)
				}
			})
		}
	})
}

func TestNumberOfMessagesEndsARun(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		for _, rate := range []float64{0, 2000} {
			p := planFor(t, url, "64")
			p.Duration, p.Messages, p.Rate = 0, 100, PerSecond(rate)
			r, err := run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if r.Answered != 100 || r.Sent != 100 {
				t.Errorf("rate %g: got %d sent, %d answered, want 100", rate, r.Sent, r.Answered)
			}
		}
	})
}

func TestRefusedServiceIsOneError(t *testing.T) {
	eachDriver(t, func(t *testing.T, run runner) {
		_, err := run(t.Context(), planFor(t, "tcp://127.77.0.9:9", "64"))
		var unreachable *dial.UnreachableError
		if !errors.As(err, &unreachable) || unreachable.Class != dial.Refused {
			t.Errorf("got %v, want refused", err)
		}
	})
}

func TestInterruptedRunReturnsWhatWasMeasured(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		p := planFor(t, url, "64")
		p.Duration = time.Hour
		r, err := run(ctx, p)
		if err != nil || !r.Interrupted || r.Answered == 0 {
			t.Errorf("got %+v, %v; want some messages, interrupted", r, err)
		}
	})
}

func TestInterruptedWarmupHasNoResult(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		p := planFor(t, url, "64")
		p.Warmup = time.Hour
		if r, err := run(ctx, p); err != context.DeadlineExceeded || r != nil {
			t.Errorf("got %+v, %v; want nothing but the context's error", r, err)
		}
	})
}

func TestInterruptIsNotAnErrorOfTheService(t *testing.T) {
	eachDriver(t, func(t *testing.T, run runner) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := run(ctx, planFor(t, "tcp://127.77.0.9:9", "64")); err != context.Canceled {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestWrongByteInTheWarmupEndsIt(t *testing.T) {
	url := echotest.NewBroken(t, echotest.SwapsBytes()).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		p := planFor(t, url, "64")
		p.Warmup = time.Hour
		if r, err := run(t.Context(), p); err != nil || r.Wrong == nil {
			t.Errorf("got %+v, %v; want the wrong byte", r, err)
		}
	})
}

func TestChurnMakesAConnectionForEachMessage(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		for _, rate := range []float64{0, 400} {
			p := planFor(t, url, "64")
			p.Churn, p.Rate, p.Duration, p.Messages = true, PerSecond(rate), 0, 100
			r, err := run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if r.Answered != 100 || r.Connect.Count() < r.Answered || r.Connect.Quantile(0.5) <= 0 {
				t.Errorf("rate %g: got %d messages by %d connections, p50 %v; want 100, and one each",
					rate, r.Answered, r.Connect.Count(), r.Connect.Quantile(0.5))
			}
		}
	})
}

func TestConnectionsComeFromTheSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	eachDriver(t, func(t *testing.T, run runner) {
		seen := make(chan string, 64)
		url := serveEach(t, func(c *net.TCPConn) {
			host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			seen <- host
			buf := make([]byte, 64)
			for n, err := c.Read(buf); err == nil; n, err = c.Read(buf) {
				c.Write(buf[:n])
			}
		})
		p := planFor(t, url, "64")
		p.Conns, p.Duration, p.Messages = 4, 0, 40
		p.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
		if _, err := run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for range 1 + p.Conns { // the first one only tests that the service answers
			got[<-seen]++
		}
		if got["127.0.0.2"] != 3 || got["127.0.0.3"] != 2 {
			t.Errorf("got connections from %v, want 3 from 127.0.0.2 and 2 from 127.0.0.3", got)
		}
	})
}

func TestConnectionsAreOpenedAtTheConnectRate(t *testing.T) {
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		begun := time.Now()
		p := planFor(t, url, "64")
		p.Conns, p.ConnectRate, p.Duration, p.Messages = 5, 20, 0, 1
		r, err := run(t.Context(), p)
		if took := time.Since(begun); err != nil || took < 200*time.Millisecond || r.Connect.Count() != 5 {
			t.Errorf("got %d connections in %v, %v; want 5, one each 50ms", r.Connect.Count(), took, err)
		}
	})
}

func TestServerProcessIsMeasured(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	url := echotest.NewServer(t).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		p := planFor(t, url, "64")
		p.ServerPID = os.Getpid()
		r, err := run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if c := r.CPU; c.Client <= 0 || c.System <= 0 || c.Server == nil || *c.Server <= 0 || *c.ServerRSS < 1<<20 {
			t.Errorf("got %+v, want time and memory of this process, which is client and server", c)
		}
	})
}

// However a run ends, it leaves no goroutine and no descriptor. The server, in the same
// process, notices the end a little later.
func TestRunLeavesNoGoroutineOrDescriptor(t *testing.T) {
	honest, packets := echotest.NewServer(t).URL(), echotest.NewUDPServer(t).URL()
	plans := []struct {
		name string
		url  string
		plan func(p *Plan)
	}{
		{"done", honest, func(p *Plan) {}},
		{"open loop", honest, func(p *Plan) { p.Rate = PerSecond(500) }},
		{"churn", honest, func(p *Plan) { p.Churn = true }},
		{"datagrams", packets, func(p *Plan) {}},
		{"interrupted while opening", honest, func(p *Plan) { p.ConnectRate = 1 }},
		{"interrupted in the warm-up", honest, func(p *Plan) { p.Warmup = time.Hour }},
		{"wrong", echotest.NewBroken(t, echotest.SendsBanner()).URL(), func(p *Plan) {}},
		{"wrong datagrams", echotest.NewBroken(t, echotest.TruncatesDatagrams()).URL(), func(p *Plan) { p.Sizes, _ = ParseSizes("3000") }},
	}
	eachDriver(t, func(t *testing.T, run runner) {
		descriptors := openDescriptors()
		for _, tt := range plans {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			p := planFor(t, tt.url, "64")
			tt.plan(&p)
			run(ctx, p)
			cancel()
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				stacks, now := ownGoroutines(), openDescriptors()
				if len(stacks) == 0 && now <= descriptors {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: got %d descriptors, had %d; goroutines:\n%s", tt.name, now, descriptors, strings.Join(stacks, "\n\n"))
				}
			}
		}
	})
}

// ownGoroutines returns the stacks of the goroutines of a run.
func ownGoroutines() (own []string) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "internal/load.(*") {
			own = append(own, stack)
		}
	}
	return own
}

// openDescriptors returns how many this process has; 0 where that is not known.
func openDescriptors() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

func TestObserverGetsTheWarmupEachSecondAndTheEnd(t *testing.T) {
	p := planFor(t, echotest.NewServer(t).URL(), "64")
	p.Warmup, p.Duration = 10*time.Millisecond, 1200*time.Millisecond
	var told []Progress
	r, err := Run(t.Context(), p, func(now Progress) { told = append(told, now) })
	if err != nil {
		t.Fatal(err)
	}
	var order string
	for _, now := range told {
		switch {
		case now.Warmup:
			order += "w"
		case now.Draining:
			order += "d"
		default:
			order += "s"
		}
	}
	if order != "wssdd" {
		t.Fatalf("got %s, want the warm-up, two seconds, and the end twice: before what is late, and after it", order)
	}
	want := Outcomes{Due: r.Due, Answered: r.Answered, Lost: r.Lost, Failed: r.Failed}
	if got := told[len(told)-1].Total; !reflect.DeepEqual(got, want) || got.UnderWay() != 0 {
		t.Errorf("got %+v in the end, want %+v", got, want)
	}
	told = slices.DeleteFunc(told, func(now Progress) bool { return now.Draining })
	var sum int64
	for i, second := range r.Intervals {
		sum += second.Answered
		if i == 2 { // after the end
			continue
		}
		shown := told[1+i]
		if shown.Warmup || shown.Of != p.Duration || shown.Interval.Answered != second.Answered || !shown.Interval.Latency.Equal(second.Latency) {
			t.Errorf("second %d: got %d messages, want the %d of the result", i, shown.Interval.Answered, second.Answered)
		}
	}
	if sum != r.Answered {
		t.Errorf("got %d messages in the seconds, want %d", sum, r.Answered)
	}
}

// One of the addresses of the name refuses. The connections are spread over both, and each is
// told apart.
func TestLoadIsSpreadOverAllAddressesOfAName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	address := strings.TrimPrefix(echotest.NewServer(t).URL(), "tcp://")
	_, port, _ := net.SplitHostPort(address)
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.77.0.9"), netip.MustParseAddr("127.0.0.1")}, nil
	})
	eachDriver(t, func(t *testing.T, run runner) {
		p := planFor(t, "tcp://echo.test:"+port, "64")
		p.AllAddresses, p.Conns, p.Rate, p.Duration, p.Messages = true, 4, PerSecond(500), 0, 100
		r, err := run(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Addresses) != 2 || !r.Balanced() {
			t.Fatalf("got %+v, want two addresses", r.Addresses)
		}
		bad, good := r.Addresses[0], r.Addresses[1]
		if bad.Address != "127.77.0.9:"+port || bad.Answered != 0 || bad.Failed[dial.Refused] != 50 || bad.ConnectsFailed[dial.Refused] == 0 {
			t.Errorf("got %+v, want 50 refused", bad)
		}
		if good.Address != address || good.Answered != 50 || good.Due() != 50 || good.Connects != 2 || good.Latency.Count() != 50 {
			t.Errorf("got %+v, want 50 answered on 2 connections", good)
		}
		p.Conns = 1
		if _, err := run(ctx, p); err == nil || err.Error() != "--conns 1: the name has 2 addresses: want 2 or more" {
			t.Errorf("one connection: got %v", err)
		}
	})
}
