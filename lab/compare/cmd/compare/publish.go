package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"echod/lab/compare/internal/comparison"
)

// save prints the tables. If there is a directory, it also writes DATE.json and the files of
// publish. A quick run has other names.
func save(opts options, report comparison.Report) error {
	if err := report.WriteMarkdown(os.Stdout); err != nil || opts.out == "" {
		return err
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
	return publish(report, name)
}

// publish writes the tables of a report as name.md and the chart as name.svg.
func publish(report comparison.Report, name string) error {
	if err := write(name+".md", report.WriteMarkdown); err != nil {
		return err
	}
	if err := write(name+".svg", report.WriteSVG); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "compare: wrote %s.md and .svg\n", name)
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
