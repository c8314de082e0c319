package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"time"

	"echod/internal/ping"
)

// pingCSV writes a header, then a row for each event of a probe and each connection
// (RFC 4180).
type pingCSV struct {
	rows    *csv.Writer
	names   pingNames
	columns []pingColumn
}

// PingCSV returns a Ping that writes comma-separated values. If there are several targets,
// their names are the first column. CSV has no place for the results; [WritePingResults]
// writes them elsewhere.
func PingCSV(w io.Writer, targets []PingTarget) Ping {
	t := &pingCSV{csv.NewWriter(w), namesOf(targets), pingColumns}
	if len(targets) > 1 {
		t.columns = slices.Concat([]pingColumn{{"target", func(e pingEvent) string { return e.Target }}}, pingColumns)
	}
	return t
}

// pingColumn is a field of a row. It has the name of the JSON field.
type pingColumn struct {
	name string
	of   func(pingEvent) string
}

var pingColumns = []pingColumn{
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
	for _, column := range t.columns {
		names = append(names, column.name)
	}
	return t.row(names)
}

func (t *pingCSV) Probe(target int, p ping.Probe) error { return t.event(target, probeEvent(p)) }

func (t *pingCSV) Conn(target int, l ping.ConnEvent) error { return t.event(target, connEvent(l)) }

func (t *pingCSV) Pause(target int, p ping.Pause) error { return t.event(target, pauseEvent(p)) }

func (t *pingCSV) End([]PingResult) error { return nil }

func (t *pingCSV) event(target int, e pingEvent) error {
	e.Target = t.names.of(target)
	var fields []string
	for _, column := range t.columns {
		fields = append(fields, column.of(e))
	}
	return t.row(fields)
}

func (t *pingCSV) row(fields []string) error {
	t.rows.Write(fields)
	t.rows.Flush()
	return t.rows.Error()
}
