package duel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
	Nice      int           // of both; below 0 takes privilege
	Warmup    time.Duration // not counted
	Measure   time.Duration // counted
}

// sample measures one fresh server process.
func (b Bench) sample(ctx context.Context, c Contender, w Workload) (Sample, error) {
	s, err := c.start(ctx, b.ServerCPU, b.Nice)
	if err != nil {
		return Sample{}, err
	}
	defer s.stop()
	load := pinned(ctx, b.ClientCPU, b.Load, "-p", s.port,
		"-c", strconv.Itoa(w.Conns), "-s", strconv.Itoa(w.Size), "-d", strconv.Itoa(w.Depth),
		"-w", seconds(b.Warmup), "-t", seconds(b.Measure),
		"-u", fmt.Sprintf("%d,%d", b.ServerCPU, b.ClientCPU), "-q", strconv.Itoa(s.cmd.Process.Pid))
	var out, said bytes.Buffer
	load.Stdout, load.Stderr = &out, &said
	if err := launch(load, b.Nice); err != nil {
		return Sample{}, fmt.Errorf("start the load: %w", err)
	}
	if err := load.Wait(); err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w: %s", c.Name, w, err, strings.TrimSpace(said.String()))
	}
	var got Sample
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w", c.Name, w, err)
	}
	return got, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
