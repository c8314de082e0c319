package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"echod/internal/load"
	"echod/internal/report"
	"echod/internal/usage"
)

// reportFlags are the flags of report, with their defaults.
type reportFlags struct {
	merge       bool
	percentiles []float64
	output      outputFlags
}

func newReport(p *Process) *cobra.Command {
	f := reportFlags{output: newOutputFlags(resultFormats...)}
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "show, compare or merge results of bench",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage.New("report takes result files of echod bench, got none", "e.g. echod report result.json")
			}
			file, err := f.output.open(cmd.Flags())
			if err != nil {
				return err
			}
			runs, searches, err := f.read(args)
			if err != nil {
				return err
			}
			if len(searches) > 0 {
				if err := findFormat(f.output.format, f.percentiles); err != nil {
					return err
				}
				return p.writeReport(file, func(w io.Writer, color bool) error { return writeFind(w, searches, f.output.format, color) })
			}
			if len(runs) > 1 && slices.Contains(formatsOfOne, f.output.format) {
				return usage.New(fmt.Sprintf("--format %s has one run, got %d", f.output.format, len(runs)), "want one file, or --merge")
			}
			return p.writeReport(file, func(w io.Writer, color bool) error { return writeRuns(w, runs, f.output.format, color) })
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&f.merge, "merge", false, "merge the files, which are parts of one run")
	f.output.register(cmd)
	cmd.Flags().Var(percentiles(&f.percentiles), "percentiles", "the percentiles of latency in the report")
	return cmd
}

// read reads all files, and merges them with --merge. It returns runs or searches, not both.
func (f *reportFlags) read(paths []string) ([]report.Run, []report.Search, error) {
	names := runNames(paths)
	if f.merge {
		names = paths // errors tell which files do not fit together
	}
	var runs []report.Run
	var searches []report.Search
	for i, path := range paths {
		result, search, err := readResult(path)
		switch {
		case err != nil:
			return nil, nil, err
		case search != nil && f.merge:
			return nil, nil, usage.New(path+" is a search of bench --find, which cannot be merged", "omit --merge to compare searches")
		case search != nil && len(runs) > 0, result != nil && len(searches) > 0:
			return nil, nil, usage.New(paths[0]+" and "+path+" cannot be compared: one is a search of bench --find, and one a single run", "want files of one kind")
		case search != nil:
			searches = append(searches, report.Search{Name: names[i], Find: search})
		default:
			runs = append(runs, report.Run{Name: names[i], Result: result, Percentiles: f.percentiles})
		}
	}
	if !f.merge {
		return runs, searches, nil
	}
	whole, err := report.Merge(runs)
	if err != nil {
		return nil, nil, &exitError{Usage, err}
	}
	return []report.Run{{Result: whole, Percentiles: f.percentiles}}, nil, nil
}

// readResult reads the result, or the search, in a file.
func readResult(path string) (*load.Result, *report.Find, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fileError(err)
	}
	defer file.Close()
	result, search, err := report.Read(path, file)
	if err != nil {
		return nil, nil, fileError(err)
	}
	return result, search, nil
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
