package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"echod/lab/compare/internal/contest"
)

// save prints the tables and, where there is a directory for it, writes the
// report there: DATE.json, and what publish makes of it. The report of a quick
// run has a name that says so.
func save(opts options, report contest.Report) error {
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

// publish writes the tables and the picture of a report as name.md and
// name.svg.
func publish(report contest.Report, name string) error {
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
