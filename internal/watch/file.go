package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"
)

// File is a list of targets that may change: a URL a line, empty lines and those
// that begin with # aside. Its methods are for one goroutine at a time.
type File struct {
	Path    string
	Prepare func(Target) (Target, error) // says how a target is asked, or why it cannot be
	Log     *slog.Logger

	looked contents // at the last look
	tried  contents // what was last tried
}

// contents is what a file held at one moment, or why it could not be read.
type contents struct {
	text, trouble string
	errno         syscall.Errno // of the system call that failed, if one did
}

func unread(err error) contents {
	number, _ := errors.AsType[syscall.Errno](err)
	return contents{trouble: err.Error(), errno: number}
}

// readError is why a list could not be read.
type readError struct{ contents }

func (e *readError) Error() string { return e.trouble }

func (e *readError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// largest is how much a list may have: some thousand targets.
const largest = 1 << 20

// Open reads the list, which must be good. An error that wraps a syscall.Errno is of a
// file that could not be read.
func (f *File) Open() ([]Target, error) {
	f.looked = f.read()
	return f.try(f.looked)
}

// Follow looks at the file after each period until ctx ends, and hands over what
// is new, as soon as it has been the same for two looks: a file that is being
// written is not there whole. A receive from now has it read at once. A list that
// is no good is logged, and not handed over.
func (f *File) Follow(ctx context.Context, period time.Duration, now <-chan os.Signal, hand func([]Target)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-now:
			f.looked = f.read()
			f.replace(hand)
		case <-tick.C:
			before := f.looked
			if f.looked = f.read(); f.looked == before && f.looked != f.tried {
				f.replace(hand)
			}
		}
	}
}

// replace hands over what was looked at, if it is good.
func (f *File) replace(hand func([]Target)) {
	list, err := f.try(f.looked)
	if err != nil {
		f.Log.Error("targets not reloaded, the old ones are kept", slog.Any("error", err))
		return
	}
	f.Log.Info("targets reloaded", slog.String("file", f.Path), slog.Int("targets", len(list)))
	hand(list)
}

func (f *File) read() contents {
	file, err := os.Open(f.Path)
	if err != nil {
		return unread(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && len(text) > largest {
		err = fmt.Errorf("%s is no list of targets: it has more than %d bytes", f.Path, largest)
	}
	if err != nil {
		return unread(err)
	}
	return contents{text: string(text)}
}

func (f *File) try(c contents) (list []Target, err error) {
	f.tried = c
	if c.trouble != "" {
		return nil, &readError{c}
	}
	number := 0
	for line := range strings.Lines(c.text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := Parse(line)
		if err == nil {
			t, err = f.Prepare(t)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", f.Path, number, err)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, errors.New(f.Path + ": no targets in it; write a URL a line, as in tcp://localhost:8080")
	}
	return list, nil
}
