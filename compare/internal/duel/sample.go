package duel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

// Sample is what the load generator measured in one run against one server.
type Sample struct {
	Seconds  float64 `json:"seconds"`
	Messages float64 `json:"messages"`

	// Processor time spent meanwhile.

	CPUSeconds    float64 `json:"cpu_seconds"` // on both processors, by whomever
	ClientSeconds float64 `json:"client_seconds"`
	ServerSeconds float64 `json:"server_seconds"`
}

// Bench is how a sample is taken. Its two processors must differ.
type Bench struct {
	Load      string        // the load generator's path
	ServerCPU int           // where the server runs
	ClientCPU int           // where the load generator does
	Warmup    time.Duration // not counted
	Measure   time.Duration // counted
}

// sample measures one fresh server process.
func (b Bench) sample(ctx context.Context, c Contender, w Workload) (Sample, error) {
	s, err := c.start(ctx, b.ServerCPU)
	if err != nil {
		return Sample{}, err
	}
	defer s.stop()
	load := pinned(ctx, b.ClientCPU, b.Load, "-p", s.port,
		"-c", strconv.Itoa(w.Conns), "-s", strconv.Itoa(w.Size), "-d", strconv.Itoa(w.Depth),
		"-w", seconds(b.Warmup), "-t", seconds(b.Measure),
		"-u", fmt.Sprintf("%d,%d", b.ServerCPU, b.ClientCPU), "-q", strconv.Itoa(s.cmd.Process.Pid))
	out, err := load.Output()
	if err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w%s", c.Name, w, err, complaint(err))
	}
	var got Sample
	if err := json.Unmarshal(out, &got); err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w", c.Name, w, err)
	}
	return got, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// complaint is what a program that failed wrote to its standard error.
func complaint(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return ": " + string(exit.Stderr)
	}
	return ""
}
