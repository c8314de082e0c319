package comparison

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Latency is how long messages take at one rate: `echod bench --rate` sends them on a
// schedule, whatever the server does, and measures from the scheduled time (an open loop).
type Latency struct {
	Rate   float64        `json:"rate"`             // messages per second
	Share  float64        `json:"share"`            // the same as a share of the throughput of the base
	Why    string         `json:"why,omitempty"`    // nothing was measured
	Ratios []LatencyRatio `json:"ratios,omitempty"` // of each other server to the base
	Result
}

// P50 and P99 are percentiles of latency, in seconds. Lower values are better.
var (
	P50 = Metric{"p50", func(s Sample) float64 { return s.P50 }}
	P99 = Metric{"p99", func(s Sample) float64 { return s.P99 }}
)

const (
	latencySize      = 64   // bytes of a message
	latencyShare     = 0.7  // of the throughput of the base
	latencyPairs     = 25   // the default: a round takes several seconds
	latencyPrecision = 0.05 // of p99: then the rounds end
	latencySlices    = 3    // the length of a slice of latency, in those of throughput
	shareTries       = 30   // slices, until a share of the throughput is found
	sameResults      = 2    // slices that are on time, or late: then a share is decided
)

// latencyShares are the shares of the throughput of the base that are tried, in this order.
var latencyShares = []float64{latencyShare, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1}

// Behind is the reason for throwing away a slice in which the generator was late. Its amount
// is the scheduling delay of 99 % of the messages.
const Behind = "delay in the generator"

// measuresLatency reports whether latency is measured under a workload: one with few enough
// connections that a generator on one CPU can be on time.
func (w Workload) measuresLatency() bool {
	return w.Kind == Stream && w.Size == latencySize && w.Conns <= 1000
}

// latency reports whether a case has latency.
func (b Runner) latency(m Case) bool {
	return b.Bench != "" && m.Workload.measuresLatency() && !m.Free
}

// measuresLatency reports whether the latency of a server is measured: of the base, of the
// same again, and of echod. Busy polling is another question.
func (r Result) measuresLatency(i int) bool {
	name := r.Servers[i].Name
	return r.Servers[i].Failure == "" && (i == 0 || name == r.Servers[0].Name+again ||
		isEchod(name) && !strings.HasSuffix(name, busyPoll))
}

// measureLatency measures the latency of the servers that run, in rounds with one slice of
// each in random order. It does nothing if the case has no latency.
func (c *cell) measureLatency(ctx context.Context, progress func(int, Result)) {
	base := c.result.Servers[0]
	if !c.latency(c.m) || base.Failure != "" || len(base.Slices) == 0 {
		return
	}
	l := &Latency{Result: Result{Workload: c.m.Workload}}
	c.result.Latency = l
	var measured []int
	for i, e := range c.result.Servers {
		if c.result.measuresLatency(i) {
			measured = append(measured, i)
			l.Servers = append(l.Servers, ServerResult{Name: e.Name})
		}
	}
	peak := median(Throughput.Values(base))
	share, err := findShare(func(share float64) (*Disturbance, error) {
		_, disturbed, err := c.latencySlice(ctx, measured[0], share*peak)
		return disturbed, err
	})
	if err != nil {
		l.Why = err.Error()
		return
	}
	l.Rate, l.Share = share*peak, share
	for round := range c.LatencyPairs {
		for _, i := range c.random.Perm(len(measured)) {
			if l.Servers[i].Failure == "" {
				l.take(round, i, func() (Sample, *Disturbance, error) { return c.latencySlice(ctx, measured[i], l.Rate) })
			}
		}
		l.compare(c.Seed)
		progress(round, *c.result)
		if l.decided() || l.isDisturbed() || l.Servers[0].Failure != "" || ctx.Err() != nil {
			return
		}
	}
}

// findShare returns the highest of latencyShares at which two slices are on time before two are
// late. slice runs a slice at a share. One that something else disturbed is run again.
func findShare(slice func(share float64) (*Disturbance, error)) (float64, error) {
	tries := 0
	for _, share := range latencyShares {
		for onTime, late := 0, 0; late < sameResults; tries++ {
			if tries == shareTries {
				return 0, fmt.Errorf("%d slices do not show whether the generator is on time at %.0f %% of the throughput", tries, share*100)
			}
			disturbed, err := slice(share)
			if err != nil {
				return 0, err
			}
			if disturbed == nil {
				onTime++
			} else if disturbed.Reason == Behind {
				late++
			}
			if onTime == sameResults {
				return share, nil
			}
		}
	}
	return 0, fmt.Errorf("the generator is late, even at %.0f %% of the throughput", latencyShares[len(latencyShares)-1]*100)
}

// decided reports whether p99 of the servers that a verdict needs is precise enough: of the base
// again, and of epoll.
func (l *Latency) decided() bool {
	base := l.Servers[0].Name
	for _, name := range []string{base + again, epoll} {
		p99 := l.ratio(Versus{name, base}).P99
		if l.ran(name) && (p99.Pairs < minPairs || !p99.within(latencyPrecision)) {
			return false
		}
	}
	return true
}

// latencySlice runs one slice of latency, and returns what disturbed it.
func (c *cell) latencySlice(ctx context.Context, server int, rate float64) (Sample, *Disturbance, error) {
	r, done, err := c.contender(ctx, server)
	if err != nil {
		return Sample{}, nil, err
	}
	defer done()
	var behind *Disturbance
	sample, disturbed, err := c.watch(r, func() (s Sample, ended time.Duration, err error) {
		s, behind, err = c.bench(ctx, r.server.port, c.m.Workload.Conns, rate)
		return s, time.Duration(s.ClientSeconds * float64(time.Second)), err
	})
	if disturbed == nil && (c.Tolerance > 0 || sample.P99 == 0) {
		disturbed = behind
	}
	return sample, disturbed, err
}

// benchOutput is a part of what `echod bench --format json` prints.
type benchOutput struct {
	Seconds float64 `json:"seconds"`
	Figures struct {
		P50       float64 `json:"latency_p50_seconds"`
		P99       float64 `json:"latency_p99_seconds"`
		PerSecond float64 `json:"messages_per_second"`
		Failed    float64 `json:"failed"`
		Local     float64 `json:"failed_local"`   // of Failed: could not be sent in time
		Timeout   float64 `json:"failed_timeout"` // of Failed
		Delay     float64 `json:"scheduling_delay_p99_seconds"`
	} `json:"figures"`
}

// lateCode is the exit code of bench if it could not send on time.
const lateCode = 3

// bench runs the generator for one slice. It also returns whether it was not on time. If it was, messages
// that it could not send and timeouts are its own, and the sample may have no percentiles.
func (b Runner) bench(ctx context.Context, port string, conns int, rate float64) (Sample, *Disturbance, error) {
	measure, warmup := latencySlices*b.Measure, latencySlices*b.Warmup
	ctx, cancel := context.WithTimeout(ctx, measure+warmup+sliceTimeout)
	defer cancel()
	cmd := pinnedCommand(ctx, strconv.Itoa(b.ClientCPU), b.Bench, "bench", "--format", "json", "--verify=false",
		"--conns", strconv.Itoa(conns), "--size", strconv.Itoa(latencySize),
		"--rate", strconv.FormatFloat(rate, 'f', 0, 64), "--duration", measure.String(), "--warmup", warmup.String(),
		"tcp://127.0.0.1:"+port)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := launch(cmd, b.Nice); err != nil {
		return Sample{}, nil, err
	}
	ended := cmd.Wait()
	late := cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == lateCode
	var out benchOutput
	err := json.Unmarshal(stdout.Bytes(), &out)
	f := out.Figures
	if late {
		f.Failed -= f.Local + f.Timeout
	}
	if err != nil || ended != nil && !late || f.P99 <= 0 && !late || f.Failed > 0 {
		return Sample{}, nil, fmt.Errorf("echod bench: %w: %s", cmp.Or(ended, err, errNoResult), strings.TrimSpace(stderr.String()))
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s := Sample{Seconds: out.Seconds, Messages: out.Seconds * f.PerSecond, ClientSeconds: used.Seconds(), P50: f.P50, P99: f.P99}
	if late {
		return s, &Disturbance{Behind, f.Delay}, nil
	}
	return s, nil, nil
}

var errNoResult = errors.New("messages failed, or none came back")
