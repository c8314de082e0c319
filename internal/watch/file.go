package watch

import (
	"context"
	"os"
	"time"

	"echod/internal/textfile"
)

// File is a list of targets, which may change. If its name ends in .yml, .yaml or .json, it
// is a list of groups as in Prometheus's file_sd_configs, else it has one URL per line. Its
// methods are for one goroutine at a time.
type File struct {
	Path    string
	Prepare func(Target) (Target, error) // completes a target, or returns why it is invalid

	last  textfile.Content // that was read last
	tried textfile.Content // that was parsed last
}

// maxFile is the largest list in bytes: some ten thousand targets.
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

func (f *File) read() textfile.Content { return textfile.Read(f.Path, maxFile) }

func (f *File) parse(c textfile.Content) ([]Target, error) {
	f.tried = c
	if err := c.Err(); err != nil {
		return nil, err
	}
	return parseList(f.Path, c.Text, f.Prepare)
}
