package cli

import (
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"echod/internal/metrics"
	"echod/internal/oplog"
)

// logFlags are --log-level and --log-format.
type logFlags struct{ level, format string }

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

func (f *logFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(choice(&f.level, logLevels), "log-level", "the lowest level to log: "+orList(logLevels))
	flags.Var(choice(&f.format, logFormats), "log-format", "how to write the log: "+orList(logFormats))
}

// open opens the log on standard error. Lines have no time if the journal reads them,
// because it adds its own. From now on, everything that is written to p.Stderr goes
// through the log: nothing blocks on the reader of standard error, and a reader that
// exits does not end the process with SIGPIPE.
func (f *logFlags) open(p *Process, limit oplog.Limit) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		panic(err) // the flag accepts only valid levels
	}
	signal.Ignore(syscall.SIGPIPE)
	p.log = oplog.Open(oplog.Config{
		Out:      p.Stderr,
		Level:    level,
		JSON:     f.format == "json",
		Timeless: isJournal(p.Stderr, p.Getenv("JOURNAL_STREAM")),
		Limit:    limit,
	})
	p.Stderr = p.log
	logger := p.log.Logger()
	// For libraries that write to the standard logger.
	log.SetOutput(oplog.LineWriter(logger, slog.LevelWarn, "library"))
	log.SetFlags(0)
	return logger
}

// flushTimeout is how long the process waits at its end for the reader of its log.
const flushTimeout = time.Second

// closeLog writes the last lines of the log, if there is one.
func (p *Process) closeLog() {
	if p.log != nil {
		log.SetOutput(os.Stderr)
		p.log.Close(flushTimeout)
	}
}

// logMetrics returns the metrics of the log, which must be open.
func (p *Process) logMetrics() prometheus.Collector {
	return metrics.Log(p.log.Counts)
}
