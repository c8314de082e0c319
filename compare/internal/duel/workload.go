package duel

import "fmt"

// Workload is what the client does: Conns connections, each with Depth messages
// of Size bytes in flight.
type Workload struct {
	Conns int `json:"conns"`
	Size  int `json:"size"`
	Depth int `json:"depth"`
}

// Small are the workloads that an engine is judged by: per message there is
// little but the cost of waiting, reading and writing.
func Small() []Workload {
	return []Workload{{50, 64, 1}, {1000, 64, 1}}
}

// Further are one connection alone, where a sleeping server's wake-up is the
// cost, and bulk, where copying is.
func Further() []Workload {
	return []Workload{{1, 64, 1}, {10, 64 << 10, 4}}
}

// String is connections × size, × depth where there is more than one message
// in flight.
func (w Workload) String() string {
	s := fmt.Sprintf("%d×%s", w.Conns, inBytes(w.Size))
	if w.Depth > 1 {
		s += fmt.Sprintf("×%d", w.Depth)
	}
	return s
}

func inBytes(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
