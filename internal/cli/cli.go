// Package cli is the command line: one file a verb. Answers go to standard
// output, complaints and the log to standard error; exit codes are [Code]s.
//
// The text of each --help is written by hand, in the directory help; a test
// holds it against the flags that there really are.
package cli

import (
	"context"
	"io"
	"os"

	"echod/internal/oplog"
)

// Process is what a command line may touch of the process it runs in.
type Process struct {
	Args   []string // without the program's name
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	log *oplog.Log // of a verb that has one
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	return int(Run(context.Background(), Process{
		Args:   os.Args[1:],
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
	}))
}

// Run runs one command line. It returns when the verb is done, or ctx ends.
func Run(ctx context.Context, p Process) Code {
	root := newRoot(&p)
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	code := complain(p.Stderr, err) // which may be the log by now
	p.closeLog()
	return code
}
