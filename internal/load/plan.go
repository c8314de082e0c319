package load

import (
	"net/netip"
	"time"

	"echod/internal/dial"
)

// Plan is a load to put on an echo service: who is asked, how many ask, what,
// and how often. [Plan.Check] reports whether it can be carried out.
//
// As JSON it is part of every [Result], so that whoever reads one can run it
// again.
type Plan struct {
	URL    string      `json:"url"`
	Target dial.Target `json:"-"` // what URL says, and how to speak TLS with it

	// Conns connections are open at once, or sockets for datagrams; ConnectRate
	// of them are opened a second, 0: as fast as it goes.
	Conns       int     `json:"conns"`
	ConnectRate float64 `json:"connect_rate,omitempty"`
	// Sources are the addresses to speak from, in turn: one address has about
	// 28,000 ports on Linux (ip_local_port_range).
	Sources []netip.Addr `json:"sources,omitempty"`

	// Rate is the messages a second that leave on a schedule, over all
	// connections (open loop). 0 sends the next message when an answer has come
	// (closed loop).
	Rate float64 `json:"rate,omitempty"`
	// Depth messages are in flight on each connection in a closed loop; in an
	// open one it is not used.
	Depth int `json:"depth"`
	// Sizes are the lengths of messages, in bytes.
	Sizes Sizes `json:"sizes"`
	// Churn opens a connection for each message, sends it and a FIN, and reads it
	// back up to the end of the stream.
	Churn bool `json:"churn,omitempty"`

	// Warmup is not measured. Then Duration is, or as long as Messages take, if
	// that is not 0.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration,omitempty"`
	Messages int64         `json:"messages,omitempty"`
	// Timeout is the longest wait for a connection or an answer.
	Timeout time.Duration `json:"timeout"`

	// Verify compares every byte with the stream of its connection, which Seed
	// determines.
	Verify bool   `json:"verify"`
	Seed   uint64 `json:"seed"`

	// ServerPID is a process of this machine of which CPU and memory are
	// measured too; 0 for none.
	ServerPID int `json:"server_pid,omitempty"`
}
