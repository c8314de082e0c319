package contest

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Bench is how a sample is taken. Its two processors must differ.
type Bench struct {
	Tools     Tools
	ServerCPU int           // where the server runs
	ClientCPU int           // where the load generator does
	Nice      int           // of both; below 0 takes privilege
	Warmup    time.Duration // not counted
	Measure   time.Duration // counted
}

// slack is what a sample may take beyond its own time before it counts as
// hanging.
const slack = time.Minute

// sample measures one fresh server process. free lets server and client run on
// both processors.
func (b Bench) sample(ctx context.Context, c Contender, w Workload, free bool) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Warmup+b.Measure+slack)
	defer cancel()
	server, client := strconv.Itoa(b.ServerCPU), strconv.Itoa(b.ClientCPU)
	if free {
		server, client = b.cpus(), b.cpus()
	}
	s, err := c.start(ctx, server, b.Nice)
	if err != nil {
		return Sample{}, err
	}
	defer s.stop()
	if w.Kind == Idle {
		return s.weigh(ctx, w)
	}
	got, err := b.load(ctx, s, w, client)
	if err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w", c.Name, w, err)
	}
	return got, nil
}

// cpus is both processors, as taskset(1) and the load generators take them.
func (b Bench) cpus() string { return fmt.Sprintf("%d,%d", b.ServerCPU, b.ClientCPU) }
