package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"echod/internal/ping"
)

// pingCSV writes a header, then a row for each event of a probe and each connection
// (RFC 4180).
type pingCSV struct{ rows *csv.Writer }

// PingCSV returns a Ping that writes comma-separated values. They have no place for
// the summary; [WritePingSummary] writes it elsewhere.
func PingCSV(w io.Writer) Ping { return &pingCSV{csv.NewWriter(w)} }

// pingColumns are the fields of a row. They have the names of the JSON fields.
var pingColumns = []struct {
	name string
	of   func(pingEvent) string
}{
	{"event", func(e pingEvent) string { return e.Event }},
	{"at", func(e pingEvent) string { return e.At.Format(time.RFC3339Nano) }},
	{"seq", func(e pingEvent) string { return unlessZero(e.Seq, strconv.FormatUint(e.Seq, 10)) }},
	{"rtt_seconds", func(e pingEvent) string { return decimal(e.RTT) }},
	{"reordered", func(e pingEvent) string { return strconv.FormatBool(e.Reordered) }},
	{"dns_seconds", func(e pingEvent) string { return decimal(e.DNS) }},
	{"connect_seconds", func(e pingEvent) string { return decimal(e.Connect) }},
	{"tls_seconds", func(e pingEvent) string { return decimal(e.TLS) }},
	{"first_byte_seconds", func(e pingEvent) string { return decimal(e.FirstByte) }},
	{"down_seconds", func(e pingEvent) string { return decimal(e.Down) }},
	{"address", func(e pingEvent) string { return e.Address }},
	{"class", func(e pingEvent) string { return string(e.Class) }},
	{"ttl", func(e pingEvent) string { return unlessZero(e.TTL, strconv.Itoa(e.TTL)) }},
	{"error", func(e pingEvent) string { return e.Error }},
	{"syn_retransmits", func(e pingEvent) string { return unlessZero(uint64(e.SYNs), strconv.FormatInt(e.SYNs, 10)) }},
	{"from", func(e pingEvent) string { return e.From }},
	{"probes", func(e pingEvent) string { return unlessZero(uint64(e.Probes), strconv.FormatInt(e.Probes, 10)) }},
	{"for_seconds", func(e pingEvent) string { return decimal(e.For) }},
}

// decimal writes seconds to the nanosecond, and nothing for 0.
func decimal(seconds float64) string {
	return unlessZero(seconds, strconv.FormatFloat(seconds, 'f', 9, 64))
}

func unlessZero[N int | uint64 | float64](n N, text string) string {
	if n == 0 {
		return ""
	}
	return text
}

func (t *pingCSV) Start() error {
	var names []string
	for _, column := range pingColumns {
		names = append(names, column.name)
	}
	return t.row(names)
}

func (t *pingCSV) Probe(p ping.Probe) error { return t.event(probeEvent(p)) }

func (t *pingCSV) Conn(l ping.ConnEvent) error { return t.event(connEvent(l)) }

func (t *pingCSV) Pause(p ping.Pause) error { return t.event(pauseEvent(p)) }

func (t *pingCSV) End(ping.Summary, []Verdict) error { return nil }

func (t *pingCSV) event(e pingEvent) error {
	var fields []string
	for _, column := range pingColumns {
		fields = append(fields, column.of(e))
	}
	return t.row(fields)
}

func (t *pingCSV) row(fields []string) error {
	t.rows.Write(fields)
	t.rows.Flush()
	return t.rows.Error()
}
