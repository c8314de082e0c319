package cli

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"echod/internal/ping"
)

// pingCSV tells spreadsheets: a header, then a row for what became known of each
// probe and each connection (RFC 4180). The summary goes to people.
type pingCSV struct {
	rows   *csv.Writer
	people io.Writer
}

func newPingCSV(out, people io.Writer) *pingCSV {
	return &pingCSV{csv.NewWriter(out), people}
}

// pingColumns are the fields of a row, by the names that they have in JSON.
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
	{"error", func(e pingEvent) string { return e.Error }},
}

// decimal writes seconds to the nanosecond, and nothing for none.
func decimal(seconds float64) string {
	return unlessZero(seconds, strconv.FormatFloat(seconds, 'f', 9, 64))
}

func unlessZero[N uint64 | float64](n N, text string) string {
	if n == 0 {
		return ""
	}
	return text
}

func (t *pingCSV) begin() {
	var names []string
	for _, column := range pingColumns {
		names = append(names, column.name)
	}
	t.row(names)
}

func (t *pingCSV) probe(p ping.Probe) { t.event(probeJSON(p)) }

func (t *pingCSV) link(l ping.Link) { t.event(linkJSON(l)) }

func (t *pingCSV) end(s ping.Summary, judgements []judgement) {
	writePingSummary(t.people, s)
	writeJudgements(t.people, judgements, false)
}

func (t *pingCSV) event(e pingEvent) {
	var fields []string
	for _, column := range pingColumns {
		fields = append(fields, column.of(e))
	}
	t.row(fields)
}

func (t *pingCSV) row(fields []string) {
	t.rows.Write(fields)
	t.rows.Flush()
}
