package metrics

import "github.com/prometheus/client_golang/prometheus"

// LogLines are the lines of a log.
type LogLines struct {
	Written    uint64 // in full
	Dropped    uint64 // because nobody read, or writing failed
	Suppressed uint64 // because there were too many of their kind
}

var (
	linesWritten    = counter("echod_log_lines_written_total", "Log lines written.")
	linesDropped    = counter("echod_log_lines_dropped_total", "Log lines lost, because standard error was not read or could not be written to.")
	linesSuppressed = counter("echod_log_lines_suppressed_total", "Log lines not written, because there were too many of their kind.")
)

// logLines collects from the counts of a log.
type logLines struct{ now func() LogLines }

// Log collects how a log is doing. now may be called from any goroutine.
func Log(now func() LogLines) prometheus.Collector { return logLines{now} }

func (l logLines) Describe(to chan<- *prometheus.Desc) {
	describe(to, []family{linesWritten, linesDropped, linesSuppressed})
}

func (l logLines) Collect(to chan<- prometheus.Metric) {
	now := l.now()
	tell(to, linesWritten, now.Written)
	tell(to, linesDropped, now.Dropped)
	tell(to, linesSuppressed, now.Suppressed)
}
