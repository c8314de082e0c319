package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"echod/internal/report"
	"echod/internal/usage"
)

// reportFlags are the flags of report, with their defaults.
type reportFlags struct {
	merge       bool
	conn        int // of a trace; 0: all
	percentiles []float64
	output      outputFlags
}

func newReport(p *Process) *cobra.Command {
	f := reportFlags{output: newOutputFlags(append(resultFormats[:len(resultFormats):len(resultFormats)], "svg")...)}
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "show, compare or merge results of bench; draw checks and traces",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json", "jsonl"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage.New("report takes files that echod has written, got none", "e.g. echod report result.json")
			}
			file, err := f.output.open(cmd.Flags())
			if err != nil {
				return err
			}
			docs, err := f.read(args)
			if err != nil {
				return err
			}
			write, err := f.writer(docs)
			if err != nil {
				return err
			}
			return p.writeReport(file, write)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&f.merge, "merge", false, "merge the files, which are parts of one run")
	cmd.Flags().Var(number(&f.conn, 1, maxNumber), "conn", "the number of the connection of a trace to show")
	f.output.register(cmd)
	cmd.Flags().Var(percentiles(&f.percentiles), "percentiles", "the percentiles of latency in the report")
	return cmd
}

// documents are files of one kind: all others are empty.
type documents struct {
	runs     []report.Run
	searches []report.Search
	traces   []report.Trace
	checks   []report.Check
}

// read reads all files, and merges them with --merge.
func (f *reportFlags) read(paths []string) (d documents, err error) {
	names := runNames(paths)
	if f.merge {
		names = paths // errors tell which files do not fit together
	}
	for i, path := range paths {
		doc, err := readDocument(path)
		switch {
		case err != nil:
			return d, err
		case doc.Find != nil:
			d.searches = append(d.searches, report.Search{Name: names[i], Find: doc.Find})
		case doc.Trace != nil:
			d.traces = append(d.traces, report.Trace{Name: names[i], File: doc.Trace})
		case doc.Check != nil:
			d.checks = append(d.checks, report.Check{Name: names[i], Checked: doc.Check})
		default:
			d.runs = append(d.runs, report.Run{Name: names[i], Result: doc.Result, Percentiles: f.percentiles})
		}
		if f.merge && d.runs == nil {
			return d, usage.New(path+" is "+d.kinds()[0]+", which cannot be merged", "omit --merge")
		}
		if kinds := d.kinds(); len(kinds) > 1 {
			return d, usage.New(fmt.Sprintf("%s and %s cannot be compared: one is %s, and one %s", paths[0], path, kinds[0], kinds[1]), "want files of one kind")
		}
	}
	if !f.merge {
		return d, nil
	}
	whole, err := report.Merge(d.runs)
	if err != nil {
		return d, &exitError{Usage, err}
	}
	return documents{runs: []report.Run{{Result: whole, Percentiles: f.percentiles}}}, nil
}

// kinds names the kinds of the documents.
func (d documents) kinds() (kinds []string) {
	if d.runs != nil {
		kinds = append(kinds, "a single run")
	}
	if d.searches != nil {
		kinds = append(kinds, "a search of bench --find")
	}
	if d.traces != nil {
		kinds = append(kinds, "a trace")
	}
	if d.checks != nil {
		kinds = append(kinds, "a result of check")
	}
	return kinds
}

// writer returns the function that writes the documents in the format that was asked for.
func (f *reportFlags) writer(d documents) (func(io.Writer, bool) error, error) {
	format := f.output.format
	switch {
	case f.conn != 0 && d.traces == nil:
		return nil, usage.New("--conn is for a trace, and the file is "+d.kinds()[0], "omit it")
	case d.searches != nil:
		return func(w io.Writer, color bool) error { return writeFind(w, d.searches, format, color) }, findFormat(format, f.percentiles)
	case d.traces != nil:
		return f.traceWriter(d.traces)
	case d.checks != nil:
		return checkWriter(d.checks, format)
	case format == "svg":
		return nil, usage.New("--format svg is for a trace or for results of check, and not for a run", "want html")
	case len(d.runs) > 1 && slices.Contains(formatsOfOne, format):
		return nil, usage.New(fmt.Sprintf("--format %s has one run, got %d", format, len(d.runs)), "want one file, or --merge")
	}
	return func(w io.Writer, color bool) error { return writeRuns(w, d.runs, format, color) }, nil
}

// pairWriter returns the function that writes the two ends of connections, or of one of them.
func (f *reportFlags) pairWriter(a, b report.Trace) (func(io.Writer, bool) error, error) {
	format := f.output.format
	pairs, ok := report.NewPairs(a, b)
	all := pairs.Count()
	if f.conn != 0 {
		pairs = pairs.Only(f.conn)
	}
	write := map[string]func(io.Writer, report.Pairs) error{"text": report.WritePairsText, "html": report.WritePairsHTML, "svg": report.WritePairSVG}[format]
	switch {
	case !ok:
		return nil, usage.New("two traces of the same side", "want one of a client, e.g. of echod check, and one of a server")
	case write == nil:
		return nil, usage.New("--format "+format+" is not for traces", "want text, html or svg")
	case all == 0:
		return nil, usage.New("no connection is in both traces: the client's addresses are not those of the server's peers", "want two traces of one run, without a NAT or a proxy between the ends")
	case pairs.Count() == 0:
		return nil, usage.New(fmt.Sprintf("--conn %d of the client's trace is not in both traces", f.conn), "omit it to see those that are")
	case format == "svg" && pairs.Count() != 1:
		return nil, usage.New(fmt.Sprintf("--format svg draws one connection, %d are in both traces", all), "add --conn N, its number in the client's trace, or want html")
	}
	return func(w io.Writer, _ bool) error { return write(w, pairs) }, nil
}

// traceWriter returns the function that writes a trace, or one connection of it.
func (f *reportFlags) traceWriter(traces []report.Trace) (func(io.Writer, bool) error, error) {
	t, format := traces[0], f.output.format
	if len(traces) == 2 {
		return f.pairWriter(traces[0], traces[1])
	}
	all := t.Connections()
	if f.conn != 0 {
		t = t.Only(f.conn)
	}
	write := map[string]func(io.Writer, report.Trace) error{"text": report.WriteTraceText, "html": report.WriteTraceHTML, "svg": report.WriteTraceSVG}[format]
	switch {
	case len(traces) > 1:
		return nil, usage.New(fmt.Sprintf("a report shows one trace, or two of the two ends, got %d", len(traces)), "want one or two files")
	case write == nil:
		return nil, usage.New("--format "+format+" is not for a trace", "want text, html or svg")
	case all == 0 && (f.conn != 0 || format == "svg"):
		return nil, usage.New("the trace has no connection", "trace again, and connect to the service")
	case f.conn != 0 && t.Connections() == 0:
		return nil, usage.New(fmt.Sprintf("--conn %d is not in the trace", f.conn), fmt.Sprintf("want a number from 1 to %d", all))
	case format == "svg" && t.Connections() != 1:
		return nil, usage.New(fmt.Sprintf("--format svg draws one connection, the trace has %d", all), fmt.Sprintf("add --conn N, from 1 to %d, or want html", all))
	}
	return func(w io.Writer, _ bool) error { return write(w, t) }, nil
}

// checkWriter returns the function that writes results of check.
func checkWriter(checks []report.Check, format string) (func(io.Writer, bool) error, error) {
	switch format {
	case "html":
		return func(w io.Writer, _ bool) error { return report.WriteCheckHTML(w, checks) }, nil
	case "svg":
		return func(w io.Writer, _ bool) error { return report.WriteCheckSVG(w, checks) }, nil
	case "text":
		return func(w io.Writer, color bool) error {
			return report.WriteCheckText(w, checks, textStyle(w, color, true))
		}, nil
	}
	return nil, usage.New("--format "+format+" is not for results of check", "want text, html or svg")
}

// readDocument reads one file.
func readDocument(path string) (report.Document, error) {
	file, err := os.Open(path)
	if err != nil {
		return report.Document{}, fileError(err)
	}
	defer file.Close()
	doc, err := report.Read(path, file)
	if err != nil {
		return report.Document{}, fileError(err)
	}
	return doc, nil
}

// runNames are what files are called when their runs stand side by side: their
// names alone, unless two are the same.
func runNames(paths []string) []string {
	var short []string
	seen := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if seen[name] {
			return paths
		}
		seen[name] = true
		short = append(short, name)
	}
	return short
}

// resultFormats are the formats of results of bench. Those for other programs have one run.
var resultFormats = append([]string{"text", "json", "html"}, formatsOfOne...)

var formatsOfOne = []string{"csv", "hgrm", "hlog"}

func writeRuns(w io.Writer, runs []report.Run, format string, color bool) error {
	switch format {
	case "html":
		return report.WriteHTML(w, runs)
	case "json":
		return report.WriteJSON(w, runs)
	case "csv":
		return report.WriteCSV(w, runs[0])
	case "hgrm":
		return report.WriteHgrm(w, runs[0])
	case "hlog":
		return report.WriteHlog(w, runs[0])
	}
	return report.WriteText(w, runs, color)
}
