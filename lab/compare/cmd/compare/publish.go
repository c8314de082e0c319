package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"echod/lab/compare/internal/comparison"
)

// save prints the tables. If there is a directory, it also writes DATE.json and the files of
// publish. A quick run has other names. If there is a report to write into, it gets the results.
func save(ctx context.Context, opts options, report comparison.Report) error {
	if err := report.WriteMarkdown(os.Stdout); err != nil || opts.out == "" && opts.into == "" {
		return err
	}
	if opts.into != "" {
		whole, err := comparison.Open(opts.into)
		if err != nil {
			return err
		}
		whole.Replace(report)
		if err := whole.Save(opts.into); err != nil {
			return err
		}
		return publish(ctx, whole, strings.TrimSuffix(opts.into, ".json"))
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return err
	}
	name := filepath.Join(opts.out, report.Date.Format("2006-01-02"))
	if opts.quick {
		name += "-quick"
	}
	if err := report.Save(name + ".json"); err != nil {
		return err
	}
	return publish(ctx, report, name)
}

// publish writes the tables of a report as name.md and the chart as name.svg. If the report is
// the newest one in results, it also writes the tables in the documents of the repository.
func publish(ctx context.Context, report comparison.Report, name string) error {
	if err := write(name+".md", report.WriteMarkdown); err != nil {
		return err
	}
	if err := write(name+".svg", report.WriteSVG); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "compare: wrote %s.md and .svg\n", name)
	module, err := comparison.ModuleDir(ctx)
	if err != nil {
		return nil // only the files of another directory
	}
	repo := filepath.Dir(filepath.Dir(module))
	newest, err := comparison.NewestResults(repo)
	if path, _ := filepath.Abs(name + ".json"); err != nil || path != newest {
		return nil
	}
	documents, err := report.Documents(repo, name)
	if err != nil {
		return err
	}
	for path, text := range documents {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "compare: wrote the table in %s\n", path)
	}
	return nil
}

func write(name string, to func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := to(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
