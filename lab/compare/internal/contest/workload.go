package contest

import "fmt"

// Kind is what a client does with its connections.
type Kind string

const (
	Stream    Kind = "stream"    // each keeps its messages in flight
	Churn     Kind = "churn"     // each carries one message and ends, and the next one comes
	Datagrams Kind = "datagrams" // as Stream, over UDP: sockets, and a window for each
	Idle      Kind = "idle"      // each carries one message and is held: its memory is measured
)

// Workload is what the client does: Conns connections, each with Depth messages
// of Size bytes in flight.
type Workload struct {
	Kind  Kind `json:"kind"`
	Conns int  `json:"conns"`
	Size  int  `json:"size"`
	Depth int  `json:"depth"`
}

// Streams are the workloads of messages over TCP that stays connected. With the
// first four there is little per message but the cost of waiting, reading and
// writing; with the last three, copying is.
func Streams() []Workload {
	return []Workload{
		{Stream, 1, 64, 1},
		{Stream, 50, 64, 1},
		{Stream, 1000, 64, 1},
		{Stream, 5000, 64, 1},
		{Stream, 50, 64, 16},
		{Stream, 10, 64 << 10, 4},
		{Stream, 10, 1 << 20, 1},
		{Stream, 1, 1 << 20, 4},
	}
}

// Comings are connections that come and go.
func Comings() Workload { return Workload{Churn, 50, 64, 1} }

// UDP are the workloads of datagrams.
func UDP() []Workload {
	return []Workload{
		{Datagrams, 1, 64, 1},
		{Datagrams, 16, 64, 32},
		{Datagrams, 16, 1400, 1},
	}
}

// Held are as many idle connections as one process may have whose hard limit
// on descriptors is 20,000.
func Held() Workload { return Workload{Idle, 15000, 64, 1} }

// String is connections × size, × depth where there is more than one message
// in flight, after the kind where that is not Stream.
func (w Workload) String() string {
	s := fmt.Sprintf("%d×%s", w.Conns, inBytes(w.Size))
	if w.Depth > 1 {
		s += fmt.Sprintf("×%d", w.Depth)
	}
	return map[Kind]string{Churn: "churn ", Datagrams: "UDP ", Idle: "idle "}[w.Kind] + s
}

// Key is the same as it can be typed: 50x64x1, udp-16x64x32, churn, idle.
func (w Workload) Key() string {
	key := fmt.Sprintf("%dx%dx%d", w.Conns, w.Size, w.Depth)
	switch w.Kind {
	case Churn, Idle:
		return string(w.Kind)
	case Datagrams:
		return "udp-" + key
	default:
		return key
	}
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
