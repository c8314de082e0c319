package load

import (
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// Format names the format of a result file and its version. A reader refuses any
// other version. The version changes when a field goes away or changes its
// meaning; a new field keeps it.
const Format = "echod-bench/2"

// Result is what came of a plan. Histograms are whole, so that results of
// several machines add up to what one would have measured.
type Result struct {
	Format      string      `json:"format"`
	Echod       string      `json:"echod"` // version of the generator
	Environment Environment `json:"environment"`
	Plan        Plan        `json:"plan"`
	Started     time.Time   `json:"started"` // of the measurement, after the warm-up
	Seconds     float64     `json:"seconds"` // measured
	Interrupted bool        `json:"interrupted,omitempty"`

	Messages int64 `json:"messages"`  // answers that came back whole, and right if that was compared
	Sent     int64 `json:"sent"`      // messages that left
	BytesIn  int64 `json:"bytes_in"`  // that came back
	BytesOut int64 `json:"bytes_out"` // that left

	// Latency is from when a message left to when its last byte was back; with
	// churn, from when its connection was begun to the end of the stream. In an
	// open loop it starts at the moment for which the message was scheduled,
	// whenever it left.
	Latency *hist.Hist `json:"latency"`
	// SchedulingDelay is how long after that moment the generator handed messages to
	// their connections; nil in a closed loop. It is the fault of the generator
	// alone: a delay because the connection was full, or not made yet, counts in
	// Latency only.
	SchedulingDelay *hist.Hist `json:"scheduling_delay,omitempty"`
	// Connect is how long connections took to make, handshakes included.
	Connect *hist.Hist `json:"connect,omitempty"`

	Errors    map[dial.Class]int64 `json:"errors,omitempty"` // connections and messages that failed
	Datagrams *Datagrams           `json:"datagrams,omitempty"`
	CPU       CPU                  `json:"cpu"`
	Behind    *Behind              `json:"behind,omitempty"` // set when the generator could not keep up
	Wrong     *Wrong               `json:"wrong,omitempty"`  // set when a byte was not the one that was sent

	Intervals []Interval `json:"intervals"` // one a second, in order

	// Parts are what this was added up from, if several generators measured it.
	Parts []Part `json:"parts,omitempty"`
}

// Part is what one of several generators, on a machine each, had to do with a
// result.
type Part struct {
	Echod       string      `json:"echod"`
	Environment Environment `json:"environment"`
	Plan        Plan        `json:"plan"`
	Started     time.Time   `json:"started"`
	Seconds     float64     `json:"seconds"`
	Messages    int64       `json:"messages"`
	CPU         CPU         `json:"cpu"`
}

// Datagrams says what became of those that left. A figure, not a verdict.
type Datagrams struct {
	Sent       int64 `json:"sent"`
	Received   int64 `json:"received"` // distinct ones
	Lost       int64 `json:"lost"`     // not back within the timeout
	Duplicated int64 `json:"duplicated"`
	Reordered  int64 `json:"reordered"` // came after one that had left later
}

// CPU is processor time in seconds, over what was measured.
type CPU struct {
	Client float64  `json:"client"`           // of the generator's process
	System float64  `json:"system,omitempty"` // of the whole machine, everybody's; 0 if it cannot be told
	Server *float64 `json:"server,omitempty"` // of Plan.ServerPID
	// ServerRSS is the most memory that Plan.ServerPID was seen to use, in bytes.
	ServerRSS *int64 `json:"server_rss,omitempty"`
}

// Behind says that the load was not the one that was asked for.
type Behind struct {
	Target          float64       `json:"target"`           // messages per second
	Achieved        float64       `json:"achieved"`         // messages per second that it started before the end
	SchedulingDelay time.Duration `json:"scheduling_delay"` // the 99th percentile
}

// Wrong is the first byte that was not the one that was sent.
type Wrong struct {
	Conn   int    `json:"conn"`   // from 0
	Offset int64  `json:"offset"` // in the connection's stream, or in the datagram
	Got    string `json:"got"`    // an excerpt from there on, quoted
	Want   string `json:"want"`
}

// Interval is one second of a run.
type Interval struct {
	At       float64    `json:"at"`      // seconds from Started to its begin
	Seconds  float64    `json:"seconds"` // how long it was; the last may be short
	Messages int64      `json:"messages"`
	BytesIn  int64      `json:"bytes_in"`
	Errors   int64      `json:"errors,omitempty"`
	Conns    int        `json:"conns"` // open at its end
	Latency  *hist.Hist `json:"latency"`
}

// Environment is where a result was measured.
type Environment struct {
	Host   string `json:"host"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel,omitempty"`
	CPU    string `json:"cpu,omitempty"` // the processor's name
	CPUs   int    `json:"cpus"`          // that this process may use
	Go     string `json:"go"`
}
