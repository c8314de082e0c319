package contest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sample is what was measured in one run against one server.
type Sample struct {
	Seconds  float64 `json:"seconds,omitempty"`
	Messages float64 `json:"messages,omitempty"`
	Lost     float64 `json:"lost,omitempty"` // datagrams that never came back

	// Processor time spent meanwhile.

	CPUSeconds    float64 `json:"cpu_seconds,omitempty"` // on both processors, by whomever
	ClientSeconds float64 `json:"client_seconds,omitempty"`
	ServerSeconds float64 `json:"server_seconds,omitempty"`

	// Bytes of the server's memory that each idle connection takes. Negative
	// where the server gave back more than the connections took.
	IdleBytes float64 `json:"idle_bytes,omitempty"`
}

// load runs the generator that w takes against s.
func (b Bench) load(ctx context.Context, s *server, w Workload, cpus string) (Sample, error) {
	load := pinned(ctx, cpus, b.Tools.load(w.Kind), "-p", s.port,
		"-c", strconv.Itoa(w.Conns), "-s", strconv.Itoa(w.Size), "-d", strconv.Itoa(w.Depth),
		"-w", seconds(b.Warmup), "-t", seconds(b.Measure),
		"-u", b.cpus(), "-q", strconv.Itoa(s.cmd.Process.Pid))
	var out, said bytes.Buffer
	load.Stdout, load.Stderr = &out, &said
	if err := launch(load, b.Nice); err != nil {
		return Sample{}, err
	}
	if err := load.Wait(); err != nil {
		return Sample{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	var got Sample
	err := json.Unmarshal(out.Bytes(), &got)
	return got, err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
