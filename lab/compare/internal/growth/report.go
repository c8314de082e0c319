// Package growth measures how the cost of a message grows with the number of connections: the
// throughput, the CPU time of the server and its memory, for each engine and for the loop in C.
//
// A Report has the raw samples. From it come lines, a power law fitted to each, a picture and the
// text of the documents that quote it.
package growth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"echod/lab/compare/internal/comparison"
)

// Conns are the numbers of connections, about four for each factor of ten where a line may end.
// One process can have 20,000 descriptors.
var Conns = []int{1, 10, 100, 180, 320, 560, 1000, 1900, 3400, 6000, 10700, 19000}

// Servers are the names of the servers, in the order of the picture.
var Servers = []string{comparison.C, comparison.EchodName("epoll"), comparison.EchodName("net"),
	comparison.EchodName("poll"), comparison.EchodName("select")}

// mostSelect is where the line of select ends. Its highest descriptor is 1023, and the server
// needs some for itself.
const mostSelect = 1000

// reaches reports whether a server can have this number of connections.
func reaches(server string, conns int) bool {
	return conns <= mostSelect || server != comparison.EchodName("select")
}

// Report has the samples of a run.
type Report struct {
	Date        time.Time              `json:"date"`
	Environment comparison.Environment `json:"environment"`
	Seed        uint64                 `json:"seed"`
	Warmup      float64                `json:"warmup_seconds"`
	Seconds     float64                `json:"seconds"`   // of each slice
	Tolerance   float64                `json:"tolerance"` // the share of a slice that other processes could have
	Points      []Point                `json:"points"`
}

// Point is one server with one number of connections, of which Active carry messages: each has
// one of 64 bytes in flight. If none does, it is the memory of the server.
type Point struct {
	Server    string              `json:"server"`
	Conns     int                 `json:"conns"`
	Active    int                 `json:"active"`
	Slices    []comparison.Sample `json:"slices,omitempty"`
	Discarded int                 `json:"discarded,omitempty"`  // slices that were thrown away, because the machine was busy
	IdleBytes []float64           `json:"idle_bytes,omitempty"` // for each connection, of a new process
	Failure   string              `json:"failure,omitempty"`
}

// Save writes the report to a file as JSON. Each point is a line.
func (r Report) Save(name string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(`{"server":`), []byte("\n"+`{"server":`))
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// Open reads a file that Save has written.
func Open(name string) (Report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Report{}, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

// point returns the point of a server, if it was measured.
func (r Report) point(server string, conns, active int) (Point, bool) {
	i := slices.IndexFunc(r.Points, func(p Point) bool {
		return p.Server == server && p.Conns == conns && p.Active == active
	})
	if i < 0 {
		return Point{}, false
	}
	return r.Points[i], true
}

// actives returns how many of some connections are active under each load, each number once.
func actives(conns int) []int {
	var all []int
	for _, load := range loads {
		if n := load.active(conns); load.has(conns) && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}
