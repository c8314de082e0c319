package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/report"
	"echod/internal/usage"
)

// reportFlags are the flags of report, with their defaults.
type reportFlags struct {
	merge  bool
	format string
	output string
}

// pageFormats are how results can be written.
var pageFormats = []string{"text", "json", "html"}

func newReport(p *Process) *cobra.Command {
	f := reportFlags{format: "text"}
	cmd := &cobra.Command{
		Use:   "report FILE…",
		Short: "show what bench measured, add it up or compare it",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readVariables(cmd.Flags(), p.Getenv); err != nil {
				return err
			}
			f.format = formatFor(cmd.Flags(), p.Getenv, pageFormats)
			return f.run(p, args)
		},
	}
	f.register(cmd.Flags())
	cmd.RegisterFlagCompletionFunc("format", words(pageFormats))
	return cmd
}

func (f *reportFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.BoolVar(&f.merge, "merge", false, "the files are parts of one run: add them up")
	flags.Var(choice{&f.format, pageFormats}, "format", "text, json or html")
	flags.StringVar(&f.output, "output", "", "write the report into this file")
}

func (f *reportFlags) run(p *Process, args []string) error {
	if len(args) == 0 {
		return usage.New("report takes files of echod bench --format json, got none", "as in: echod report result.json")
	}
	var file *outputFile
	if f.output != "" {
		var err error
		if file, err = newOutputFile(f.output); err != nil {
			return err
		}
	}
	runs, err := f.read(p, args)
	if err != nil {
		return err
	}
	if file != nil {
		return file.write(writerOfRuns(runs, f.format, false))
	}
	if err := writerOfRuns(runs, f.format, colorful(p))(p.Stdout); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the report: %w", err)}
	}
	return nil
}

// read reads all files, and makes one run of them if that is what they are.
func (f *reportFlags) read(p *Process, paths []string) ([]report.Run, error) {
	names := runNames(paths)
	if f.merge {
		names = paths // errors tell which files do not fit together
	}
	var runs []report.Run
	for i, path := range paths {
		run, err := readRun(path)
		if err != nil {
			return nil, err
		}
		run.Name = names[i]
		runs = append(runs, run)
	}
	if !f.merge {
		return runs, nil
	}
	whole, err := report.Merge(runs)
	if err != nil {
		return nil, &exitError{Usage, err}
	}
	return []report.Run{{Result: whole}}, nil
}

// readRun reads the result in a file.
func readRun(path string) (report.Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return report.Run{}, fileError(err)
	}
	defer file.Close()
	result, err := report.Read(path, file)
	if err != nil {
		return report.Run{}, fileError(err)
	}
	return report.Run{Result: result}, nil
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

// writerOfRuns returns a function that writes runs in one of pageFormats.
func writerOfRuns(runs []report.Run, format string, color bool) func(io.Writer) error {
	return func(w io.Writer) error {
		switch format {
		case "html":
			return report.WriteHTML(w, runs)
		case "json":
			return report.WriteJSON(w, runs)
		}
		return report.WriteText(w, runs, color)
	}
}
