// Package spread puts one load on a service from many machines. A [Worker] on each machine
// carries out its share of a plan. A [Coordinator] divides the plan, starts all workers at one
// instant, and adds up what they measured. The protocol is in docs/bench-protocol.md.
//
// A coordinator trusts no worker: a result is checked against the plan and the time, and a result
// of all exists only if each worker has one. A worker trusts no coordinator: it connects only to
// addresses that its operator permits.
package spread

import (
	"errors"
	"fmt"
	"time"

	"echod/internal/load"
)

// Protocol is the name of the protocol and its version. Each side refuses any other.
const Protocol = "echod-worker/2"

// The limits of the protocol.
const (
	MaxWorkers = 256
	maxHello   = 4 << 10   // bytes of the first line of either side
	maxLine    = 1 << 20   // bytes of every other line, except for a result
	maxResult  = 16 << 20  // bytes of a line with a result
	maxSecond  = 256 << 10 // bytes of a line with a second: two histograms, even if all their counters are used
	maxText    = 4 << 10   // bytes of each text in a result, e.g. the name of a processor
	aliveEvery = time.Second
	// silence is how long a peer may send nothing. It is then lost, and a worker ends its load.
	silence = 5 * time.Second
	// connectTimeout is how long the connect to a worker may take.
	connectTimeout = 5 * time.Second
	// maxLead is how far in the future a worker accepts the start of its load.
	maxLead = time.Minute
	// MaxDuration is the longest warm-up and measurement together: the seconds of a longer one
	// would take too much memory.
	MaxDuration = 4 * time.Hour
	pings       = 8 // exchanges that compare two clocks
)

// request is a line of the coordinator. Exactly one of its fields is set.
type request struct {
	Hello *hello `json:"hello,omitempty"` // the first line
	Job   *job   `json:"job,omitempty"`   // makes the connections
	Ping  int    `json:"ping,omitempty"`  // asks for a pong with that number, which is not 0
	Start *start `json:"start,omitempty"` // begins the load
	Stop  bool   `json:"stop,omitempty"`  // ends the load early
	Alive bool   `json:"alive,omitempty"` // each second
}

func (r request) fields() int {
	return count(r.Hello != nil, r.Job != nil, r.Ping != 0, r.Start != nil, r.Stop, r.Alive)
}

// hello begins a session.
type hello struct {
	Protocol string `json:"protocol"`
	Token    string `json:"token,omitempty"`
	Run      string `json:"run"` // a random text, the same for all workers of one run
}

// job is what a worker is to do: its share of a plan, and what a plan does not have as JSON.
type job struct {
	Plan       load.Plan `json:"plan"`
	Network    string    `json:"network,omitempty"` // "ip4" or "ip6" if names have only these addresses
	Insecure   bool      `json:"tls_insecure,omitempty"`
	ServerName string    `json:"tls_server_name,omitempty"`
}

// start is when the load begins, in nanoseconds on the worker's clock.
type start struct {
	At int64 `json:"at"`
}

// reply is a line of a worker. Exactly one of its fields is set.
type reply struct {
	Hello    *greeting      `json:"hello,omitempty"`
	Ready    bool           `json:"ready,omitempty"` // the connections are made
	Pong     *pong          `json:"pong,omitempty"`
	Progress *load.Progress `json:"progress,omitempty"` // each second of the load
	Second   *load.Interval `json:"second,omitempty"`   // after the load: one of the result, in order
	Done     *done          `json:"done,omitempty"`     // the last line, if the load was carried out
	Error    *Refusal       `json:"error,omitempty"`    // the last line, if not
	Alive    bool           `json:"alive,omitempty"`    // each second
}

func (r reply) fields() int {
	return count(r.Hello != nil, r.Ready, r.Pong != nil, r.Progress != nil, r.Second != nil, r.Done != nil, r.Error != nil, r.Alive)
}

// greeting is what a worker says of itself to a coordinator that has the token.
type greeting struct {
	Protocol string `json:"protocol"`
	Format   string `json:"format"` // of its results
	Echod    string `json:"echod"`  // its version
	Wall     int64  `json:"wall"`   // the clock of its system, in Unix nanoseconds
}

// pong answers a ping. Clock is the worker's clock: nanoseconds since the session began, on a clock
// that is never set.
type pong struct {
	N     int   `json:"n"`
	Clock int64 `json:"clock"`
}

// done is the result of a worker. Began is when its load began, with its warm-up, and Measured
// when the measurement began, both on the worker's clock.
type done struct {
	Began    int64        `json:"began"`
	Measured int64        `json:"measured"`
	Result   *load.Result `json:"result"`            // without its seconds
	Problem  string       `json:"problem,omitempty"` // e.g. none of the messages came back
}

// Kind is why a worker refuses a request, in one word.
type Kind string

// The kinds of refusals.
const (
	KindProtocol  Kind = "protocol"  // not a line of this version of the protocol
	KindToken     Kind = "token"     // the token is missing or wrong
	KindBusy      Kind = "busy"      // another coordinator uses the worker
	KindDuplicate Kind = "duplicate" // this run has this worker already
	KindPlan      Kind = "plan"      // the worker does not carry out such a plan
	KindLoad      Kind = "load"      // the load failed, e.g. nothing listens at the target
)

// Refusal is the error of a worker that does not do what it was asked for.
type Refusal struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

func (r *Refusal) Error() string {
	switch r.Kind {
	case KindBusy:
		return "is busy: " + r.Text
	case KindDuplicate:
		return "is a duplicate: " + r.Text
	case KindLoad:
		return "could not put its load: " + r.Text
	}
	return fmt.Sprintf("refuses the %s: %s", r.Kind, r.Text)
}

func count(set ...bool) (n int) {
	for _, one := range set {
		if one {
			n++
		}
	}
	return n
}

var errFields = errors.New("not a line of " + Protocol + ": want an object with one of its fields")
