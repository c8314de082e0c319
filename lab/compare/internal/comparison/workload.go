package comparison

import "fmt"

// Kind is how a client uses its connections.
type Kind string

const (
	Stream    Kind = "stream"    // each has messages in flight all the time
	Churn     Kind = "churn"     // each has one message, then it is closed and the next one is opened
	Datagrams Kind = "datagrams" // as Stream, but UDP sockets, each with a window
	Trains    Kind = "trains"    // as Datagrams, with many datagrams in one system call (UDP_SEGMENT, UDP_GRO)
	Idle      Kind = "idle"      // each has one message and stays open; the memory is measured
)

// Workload is the load: Conns connections, each with Depth messages of Size bytes in flight.
type Workload struct {
	Kind  Kind `json:"kind"`
	Conns int  `json:"conns"`
	Size  int  `json:"size"`
	Depth int  `json:"depth"`
}

// StreamWorkloads returns the workloads on TCP connections that stay open. The first five
// measure the cost of waiting, reading and writing; the last three measure copying.
func StreamWorkloads() []Workload {
	return []Workload{
		{Stream, 1, 64, 1},
		{Stream, 50, 64, 1},
		{Stream, 1000, 64, 1},
		{Stream, 5000, 64, 1},
		{Stream, 15000, 64, 1},
		{Stream, 50, 64, 16},
		{Stream, 10, 64 << 10, 4},
		{Stream, 10, 1 << 20, 1},
		{Stream, 1, 1 << 20, 4},
	}
}

// ChurnWorkload returns the workload with many short connections.
func ChurnWorkload() Workload { return Workload{Churn, 50, 64, 1} }

// DatagramWorkloads returns the workloads with datagrams.
func DatagramWorkloads() []Workload {
	return []Workload{
		{Datagrams, 1, 64, 1},
		{Datagrams, 16, 64, 32},
		{Datagrams, 16, 1400, 1},
	}
}

// TrainWorkloads returns the workloads with trains of datagrams.
func TrainWorkloads() []Workload {
	return []Workload{
		{Trains, 16, 64, 32},
		{Trains, 16, 1200, 32},
	}
}

// isUDP reports whether the workload has datagrams.
func (w Workload) isUDP() bool { return w.Kind == Datagrams || w.Kind == Trains }

// Network returns the network of the servers: tcp or udp.
func (w Workload) Network() string {
	if w.isUDP() {
		return "udp"
	}
	return "tcp"
}

// IdleWorkload returns the workload with idle connections: as many as one process can have
// with a hard limit of 20,000 descriptors.
func IdleWorkload() Workload { return Workload{Idle, 15000, 64, 1} }

// String returns connections × size, then × depth if it is more than 1. The kind comes first
// if it is not Stream.
func (w Workload) String() string {
	s := fmt.Sprintf("%d×%s", w.Conns, inBytes(w.Size))
	if w.Depth > 1 {
		s += fmt.Sprintf("×%d", w.Depth)
	}
	return map[Kind]string{Churn: "churn ", Datagrams: "UDP ", Trains: "UDP GSO ", Idle: "idle "}[w.Kind] + s
}

// Key returns the name on the command line: 50x64x1, udp-16x64x32, churn, idle.
func (w Workload) Key() string {
	key := fmt.Sprintf("%dx%dx%d", w.Conns, w.Size, w.Depth)
	switch w.Kind {
	case Churn, Idle:
		return string(w.Kind)
	case Datagrams:
		return "udp-" + key
	case Trains:
		return "udp-gso-" + key
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
