package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// File is a list of targets, which may change. If its name ends in .yml, .yaml or .json, it
// is a list of groups as in Prometheus's file_sd_configs, else it has one URL per line. Its
// methods are for one goroutine at a time.
type File struct {
	Path    string
	Prepare func(Target) (Target, error) // completes a target, or returns why it is invalid

	last  contents // that were read last
	tried contents // that were parsed last
}

// contents is the text of a file, or why it could not be read.
type contents struct {
	text, problem string
	errno         syscall.Errno // of the system call that failed, else 0
}

func unreadable(err error) contents {
	number, _ := errors.AsType[syscall.Errno](err)
	return contents{problem: err.Error(), errno: number}
}

// readError is returned when a list could not be read.
type readError struct{ contents }

func (e *readError) Error() string { return e.problem }

func (e *readError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// maxFile is the largest list: some thousand targets.
const maxFile = 1 << 20

// Open reads the list and returns its targets. The error wraps a syscall.Errno if the
// file could not be read.
func (f *File) Open() ([]Target, error) {
	f.last = f.read()
	return f.parse(f.last)
}

// Follow reads the file once a period until ctx ends. When the file has changed, it calls
// apply with the new targets, or with the error of an invalid list. It waits until two
// reads return the same, since a file that is being written is incomplete. A receive from
// now reads and applies it at once.
func (f *File) Follow(ctx context.Context, period time.Duration, now <-chan os.Signal, apply func([]Target, error)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-now:
			f.last = f.read()
			apply(f.parse(f.last))
		case <-tick.C:
			before := f.last
			if f.last = f.read(); f.last == before && f.last != f.tried {
				apply(f.parse(f.last))
			}
		}
	}
}

func (f *File) read() contents {
	file, err := os.Open(f.Path)
	if err != nil {
		return unreadable(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: a list of targets can have at most %d bytes", f.Path, maxFile)
	}
	if err != nil {
		return unreadable(err)
	}
	return contents{text: string(text)}
}

func (f *File) parse(c contents) ([]Target, error) {
	f.tried = c
	if c.problem != "" {
		return nil, &readError{c}
	}
	return parseList(f.Path, c.text, f.Prepare)
}
