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
	flags.Var(choice(&f.level, logLevels), "log-level", "the least that is logged: debug, info, warn or error")
	flags.Var(choice(&f.format, logFormats), "log-format", "how to write the log: text or json")
	cmd.RegisterFlagCompletionFunc("log-level", words(logLevels))
	cmd.RegisterFlagCompletionFunc("log-format", words(logFormats))
}

// open opens the log on standard error, without the time where the journal, which
// has a clock of its own, reads it. From now on all that goes to p.Stderr takes the
// same way, so nothing waits for the reader of standard error, and a reader that
// goes away does not end the process by SIGPIPE.
func (f *logFlags) open(p *Process, limit oplog.Limit) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		panic(err) // the flag takes no other words
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
	// Where a library knows no other logger than Go's own.
	log.SetOutput(oplog.LineWriter(logger, slog.LevelWarn, "library"))
	log.SetFlags(0)
	return logger
}

// flushTime is how long the end of the process waits for the reader of its log.
const flushTime = time.Second

// closeLog writes the last lines, if there is a log.
func (p *Process) closeLog() {
	if p.log != nil {
		log.SetOutput(os.Stderr)
		p.log.Close(flushTime)
	}
}

// logMetrics are about the log of p, which is open.
func (p *Process) logMetrics() prometheus.Collector {
	return metrics.Log(p.log.Counts)
}
