package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/trace"
	"echod/internal/usage"
)

// traceFlags are --trace and its siblings.
type traceFlags struct {
	filter  trace.Filter
	path    string
	max     int64
	payload string

	traced bool // whether --trace was given
	live   bool // whether the page of --admin may show traces
}

// Sizes of a trace in bytes.
const (
	defaultTraceMax = 64 << 20
	minTraceMax     = 64 << 10
	tracePayload    = 32 // of each message
)

// register registers the flags. A trace is printed only by a program whose output is nothing else.
func (f *traceFlags) register(cmd *cobra.Command, printed bool) {
	f.max, f.payload = defaultTraceMax, "yes"
	flags := cmd.Flags()
	if printed {
		f.registerPrinted(flags)
	}
	flags.StringVar(&f.path, "trace-file", "", "write the trace to this file")
	flags.Var(size(&f.max, minTraceMax, 1<<40), "trace-max", "the most bytes of --trace-file")
	flags.Var(choice(&f.payload, []string{"yes", "no"}), "trace-payload", "whether a trace has the first bytes of messages")
}

// incompleteTrace logs the error of a trace.
func (f *traceFlags) incompleteTrace(log *slog.Logger) func(error) {
	return func(err error) {
		log.Error("the trace is not complete", slog.Any("error", err))
	}
}

func (f *traceFlags) registerPrinted(flags *pflag.FlagSet) {
	flags.Var(&value[trace.Filter]{p: &f.filter, kind: "connections", parse: trace.ParseFilter, text: trace.Filter.String}, "trace", "print the life of each connection")
	flags.Lookup("trace").NoOptDefVal = "all"
}

// payloadBytes returns how many bytes of each message are in a trace.
func (f *traceFlags) payloadBytes() int {
	if f.payload == "yes" {
		return tracePayload
	}
	return 0
}

// open returns the recorder that the flags ask for, nil if they ask for none. stop writes the
// rest of the trace. incomplete is called when the file cannot be written, e.g. on a full disk.
func (f *traceFlags) open(flags *pflag.FlagSet, stdout io.Writer, header trace.Header, incomplete func(error)) (r *trace.Recorder, stop func(), err error) {
	f.traced = flags.Changed("trace")
	want := "add --trace-file FILE"
	if flags.Lookup("trace") != nil {
		want = "add --trace or --trace-file FILE"
	}
	if !f.traced && f.path == "" {
		for _, name := range []string{"trace-max", "trace-payload"} {
			if flags.Changed(name) && (name != "trace-payload" || !f.live) {
				return nil, nil, usage.New("--"+name+" has no trace to apply to", want)
			}
		}
		return nil, func() {}, nil
	}
	cfg := trace.Config{Header: header, Filter: f.filter, MaxFile: f.max, Payload: f.payloadBytes(), Failed: incomplete}
	if f.traced {
		cfg.Text = stdout
	}
	var file *os.File
	if f.path != "" {
		if _, err := newOutputFile("--trace-file", f.path); err != nil {
			return nil, nil, err
		}
		if file, err = os.Create(f.path); err != nil {
			return nil, nil, &exitError{Usage, fmt.Errorf("--trace-file: %w", err)}
		}
		cfg.File = file
	}
	r = trace.New(cfg)
	return r, func() {
		err := r.Close()
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			incomplete(err)
		}
	}, nil
}
