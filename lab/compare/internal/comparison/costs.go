package comparison

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Costs is what a message costs a server besides CPU time.
type Costs struct {
	SystemCalls *float64 `json:"system_calls,omitempty"` // nil: not counted
	Allocations *float64 `json:"allocations,omitempty"`  // objects on Go's heap; nil: the server does not say
	Why         string   `json:"why,omitempty"`          // something was not counted that could be
}

// costSlices is the length of a measurement of costs, in slices.
const costSlices = 2

// measureCosts measures the costs of the servers of a case that have not failed, one after
// another. Each is a new process, because counting makes a server slower.
func (b Runner) measureCosts(ctx context.Context, m Case, entries []ServerResult) {
	for i, s := range m.Servers {
		if entries[i].Failure == "" && !strings.HasSuffix(s.Name, again) && ctx.Err() == nil {
			costs := b.costs(ctx, s, m)
			entries[i].Costs = &costs
		}
	}
}

func (b Runner) costs(ctx context.Context, s Server, m Case) Costs {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return Costs{Why: err.Error()}
	}
	defer os.RemoveAll(dir)
	admin := filepath.Join(dir, "admin")
	if s.Profile {
		s.Argv = append(s.Argv[:len(s.Argv):len(s.Argv)], "--admin", "unix://"+admin, "--admin-pprof")
	}
	r, err := b.startContender(ctx, s, m)
	if err != nil {
		return Costs{Why: err.Error()}
	}
	defer r.stop()
	var all Costs
	calls, err := countSyscalls(r.server.cmd.Process.Pid)
	if err == nil {
		defer calls.close()
		all.SystemCalls, err = b.perMessage(r, calls.total)
	}
	if err == nil && s.Profile {
		all.Allocations, err = b.perMessage(r, func() (float64, error) { return allocations(ctx, admin) })
	}
	if err != nil {
		all.Why = err.Error()
	}
	return all
}

// perMessage returns how much a counter of a server grows per message. Nothing is in flight
// before and after the slice, so what the server does in between is for the messages of the
// slice, except for what a read of the counter adds.
func (b Runner) perMessage(r contender, read func() (float64, error)) (*float64, error) {
	var counts [4]float64
	var s Sample
	for i := range counts {
		var err error
		if i == len(counts)-1 {
			if s, err = r.slice(costSlices*b.Measure, 0); err != nil {
				return nil, err
			}
		}
		if counts[i], err = read(); err != nil {
			return nil, err
		}
	}
	added := counts[2] - counts[1]
	per := max(0, counts[3]-counts[2]-added) / s.All
	return &per, nil
}

// allocations returns how many objects an echod has allocated, from Go's profiles at the unix
// socket of --admin. The number is exact (runtime.MemStats.Mallocs); that of /metrics lags by
// up to some thousand.
func allocations(ctx context.Context, socket string) (float64, error) {
	const url, name = "http://localhost/debug/pprof/allocs?debug=1", "# Mallocs = "
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s of %s: no line %q", response.Status, url, name)
}

// costRows has what a message costs, in absolute numbers, and who is busy with it.
func (r Report) costRows() [][]string {
	rows := [][]string{{"workload", "server", "CPU of client + server, µs", "system calls of the server", "allocations of the server", "server busy", "generator busy"}}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			if e.Costs == nil || len(e.Slices) == 0 {
				continue
			}
			rows = append(rows, []string{result.Name(), e.Name, fmt.Sprintf("%.2f", median(CPU.Values(e))*1e6),
				count(e.Costs.SystemCalls), count(e.Costs.Allocations), percent(ServerBusy, e), percent(ClientBusy, e)})
		}
	}
	return rows
}

// percent returns the median of a share in percent, or "" if the server was not measured.
func percent(m Metric, e ServerResult) string {
	if median(ServerBusy.Values(e)) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", median(m.Values(e))*100)
}

func count(perMessage *float64) string {
	if perMessage == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", *perMessage)
}
