package load

import (
	"cmp"
	"os"
	"runtime"
	"strings"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// Format names the format of a result file and its version. A reader refuses any
// other version. The version changes when a field goes away or changes its
// meaning; a new field keeps it.
const Format = "echod-bench/3"

// Result is what was measured while a plan was carried out. It contains whole histograms,
// so that the results of several machines can be added up without loss.
type Result struct {
	Format      string      `json:"format"`
	Echod       string      `json:"echod"` // version of the generator
	Environment Environment `json:"environment"`
	Plan        Plan        `json:"plan"`
	Started     time.Time   `json:"started"` // when the measurement began, after the warm-up
	Seconds     float64     `json:"seconds"` // how long it lasted
	Interrupted bool        `json:"interrupted,omitempty"`

	// Due counts the messages of the measurement: those whose time came, by the schedule or,
	// in a closed loop, because a connection was free. Each of them was answered, has failed
	// or was lost: Due = Answered + Failed + Lost, see [Result.Balanced].
	Due      int64 `json:"due"`
	Sent     int64 `json:"sent"`     // of these, given to a connection
	Answered int64 `json:"answered"` // the answer came back complete, and correct if that was compared
	// AnsweredInTime and BytesInTime count what came back before the measurement was over: they
	// are the throughput. What is answered later, while the run waits for the last answers,
	// would make a service that is behind look fast.
	AnsweredInTime int64   `json:"answered_in_time"`
	BytesInTime    int64   `json:"bytes_in_time"`
	Failed         Classes `json:"failed,omitempty"` // the connection failed, or there was none, or no answer came in time
	Lost           int64   `json:"lost"`             // datagrams without an answer in time
	Duplicated     int64   `json:"duplicated"`       // datagrams that came twice
	Reordered      int64   `json:"reordered"`        // answers that came after the answer to a later datagram
	Late           int64   `json:"late"`             // answers to datagrams that had been counted as lost
	Foreign        int64   `json:"foreign"`          // datagrams that answer none of this run
	BytesIn        int64   `json:"bytes_in"`         // of the answers
	BytesOut       int64   `json:"bytes_out"`        // of the messages that were sent

	Trains *Trains `json:"trains,omitempty"` // with Plan.GSO

	// These count connections, or sockets for datagrams, of the whole run with its warm-up.
	Connects       int64   `json:"connects"`                  // that were made
	ConnectsFailed Classes `json:"connects_failed,omitempty"` // that could not be made
	Disconnects    Classes `json:"disconnects,omitempty"`     // that failed later

	// Addresses are the parts of what was counted above that went to each address of the name,
	// if the plan says so.
	Addresses []Address `json:"addresses,omitempty"`

	// Latency is the time from when a message was due until its last byte came back, or,
	// with churn, until the end of the stream. A message without an answer in time counts
	// with the time that it was waited for; one whose connection failed does not count.
	Latency *hist.Hist `json:"latency"`
	// SchedulingDelay is how long after that time the generator gave messages to their
	// connections; nil in a closed loop. The generator alone causes it: a delay because
	// the send buffer was full, or because there was no connection yet, counts in Latency
	// only.
	SchedulingDelay *hist.Hist `json:"scheduling_delay,omitempty"`
	// Connect is how long connections took to make, handshakes included.
	Connect *hist.Hist `json:"connect,omitempty"`

	CPU    CPU     `json:"cpu"`
	Behind *Behind `json:"behind,omitempty"` // set when the generator could not keep up
	Wrong  *Wrong  `json:"wrong,omitempty"`  // set when a byte was not the one that was sent

	Intervals []Interval `json:"intervals"` // one for each second, in order

	// Parts are the results that this one was added up from, if there were several.
	Parts []Part `json:"parts,omitempty"`
}

// Part is what one of several generators contributed to a result.
type Part struct {
	Echod       string      `json:"echod"`
	Environment Environment `json:"environment"`
	Plan        Plan        `json:"plan"`
	Started     time.Time   `json:"started"`
	Seconds     float64     `json:"seconds"`
	Answered    int64       `json:"answered"` // before its measurement was over
	BytesIn     int64       `json:"bytes_in"` // of these
	CPU         CPU         `json:"cpu"`

	// What became of its messages. Files of older versions do not have these: Latency is nil.
	Due     int64      `json:"due,omitempty"`
	Failed  Classes    `json:"failed,omitempty"`
	Lost    int64      `json:"lost,omitempty"`
	Latency *hist.Hist `json:"latency,omitempty"`
	Behind  *Behind    `json:"behind,omitempty"`

	// Worker is the URL of the worker, and Begun is when it began, if one coordinator started all.
	Worker string `json:"worker,omitempty"`
	Begun  *Begun `json:"begun,omitempty"`
}

// Begun is when the load of one of several generators began. The two clocks were compared: the
// true skew is within Uncertainty of Skew.
type Begun struct {
	Skew        time.Duration `json:"skew"` // after the instant on which all agreed
	Uncertainty time.Duration `json:"uncertainty"`
	// ClockAhead is how far the system clock of the generator's machine was ahead of the coordinator's.
	// It is not used for anything.
	ClockAhead time.Duration `json:"clock_ahead"`
}

// Trains counts what was sent and received as a train: several datagrams that the kernel got, or
// returned, in one piece. The datagrams are counted as all others are, too.
type Trains struct {
	Sent              int64 `json:"sent"`
	SentDatagrams     int64 `json:"sent_datagrams"` // in these
	Received          int64 `json:"received"`
	ReceivedDatagrams int64 `json:"received_datagrams"` // in these
}

// Address is what became of the messages to one address of a name.
type Address struct {
	Address        string     `json:"address"` // IP:PORT
	Answered       int64      `json:"answered"`
	Failed         Classes    `json:"failed,omitempty"`
	Lost           int64      `json:"lost"`
	Connects       int64      `json:"connects"`
	ConnectsFailed Classes    `json:"connects_failed,omitempty"`
	Latency        *hist.Hist `json:"latency"`
}

// Due returns how many messages were due to a.
func (a *Address) Due() int64 { return a.Answered + a.Failed.Total() + a.Lost }

// Balanced reports whether each message that was due has exactly one outcome.
func (r *Result) Balanced() bool { return r.Due == r.Answered+r.Failed.Total()+r.Lost }

// Classes counts failures by their class.
type Classes map[dial.Class]int64

func (c Classes) add(class dial.Class) { c[cmp.Or(class, dial.Local)]++ }

// most returns the class that occurred most often; "" if there is none.
func (c Classes) most() (most dial.Class) {
	for class, n := range c {
		if n > c[most] {
			most = class
		}
	}
	return most
}

// Total returns the sum of all classes.
func (c Classes) Total() (sum int64) {
	for _, n := range c {
		sum += n
	}
	return sum
}

// CPU is processor time in seconds, during the measurement.
type CPU struct {
	Client float64  `json:"client"`           // of the generator's process
	System float64  `json:"system,omitempty"` // of all processes of the machine, and of its kernel; 0 if not known
	Server *float64 `json:"server,omitempty"` // of Plan.ServerPID
	// ServerRSS is the most memory that Plan.ServerPID used, in bytes, as far as seen.
	ServerRSS *int64 `json:"server_rss,omitempty"`
}

// Behind says that the load was not the one in the plan.
type Behind struct {
	Target          float64       `json:"target"`           // messages per second
	Achieved        float64       `json:"achieved"`         // messages per second that it started before the end
	SchedulingDelay time.Duration `json:"scheduling_delay"` // the 99th percentile
}

// Few reports whether too few messages were sent in time, and not only late.
func (b *Behind) Few() bool { return b.Achieved < tooFew*b.Target }

// Wrong is the first byte that was not the one that was sent.
type Wrong struct {
	Conn   int    `json:"conn"`   // from 0
	Offset int64  `json:"offset"` // in the connection's stream, or in the datagram
	Got    string `json:"got"`    // an excerpt from there on, quoted
	Want   string `json:"want"`
}

// Interval is one second of a run. After the last second there may be a longer one: the time in
// which the run waited for what was still under way, if that had an outcome.
type Interval struct {
	At       float64    `json:"at"`      // seconds from Started until it began
	Seconds  float64    `json:"seconds"` // how long it was; the last may be short
	Due      int64      `json:"due"`     // messages that were taken by a connection, or from the schedule
	Answered int64      `json:"answered"`
	BytesIn  int64      `json:"bytes_in"`
	Failed   int64      `json:"failed,omitempty"`
	Lost     int64      `json:"lost,omitempty"`
	Conns    int        `json:"conns"` // open at its end
	Latency  *hist.Hist `json:"latency"`
	// SchedulingDelay is that of the messages that were taken in this second; nil in a closed loop.
	SchedulingDelay *hist.Hist `json:"scheduling_delay,omitempty"`
}

// Behind reports whether the generator was late in this second: whether one in a hundred messages
// was more than 10 ms late.
func (in Interval) Behind() bool {
	return in.SchedulingDelay != nil && in.SchedulingDelay.Quantile(0.99) > tooLate
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

func environment() Environment {
	host, _ := os.Hostname()
	return Environment{
		Host: host, OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(),
		Kernel: strings.TrimSpace(readFile("/proc/sys/kernel/osrelease")),
		CPU:    processor(),
	}
}

// processor returns the name of the first processor, where the kernel tells it.
func processor() string {
	for line := range strings.Lines(readFile("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// readFile returns what is in a file of /proc; "" where there is none.
func readFile(name string) string {
	content, _ := os.ReadFile(name)
	return string(content)
}
