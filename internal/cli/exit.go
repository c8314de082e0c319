package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"echod/internal/dial"
	"echod/internal/spread"
	"echod/internal/usage"
)

// Code is an exit code.
type Code int

const (
	OK      Code = 0 // success
	Failed  Code = 1 // what was tested failed, or the system refused something
	Usage   Code = 2 // an error on the command line; nothing was started
	Unknown Code = 3 // inconclusive: no connection, or no result could be written
)

// exitError ends a verb with a code. err is nil if the output has said everything.
type exitError struct {
	code Code
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fileError wraps err about a file that the command line names. A file that does not
// exist, or is invalid, is an error on the command line. A file that the system could
// not read now is not: the same command line may succeed later.
func fileError(err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); !ok {
		return &exitError{Usage, err}
	}
	for _, wrong := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.ELOOP} {
		if errors.Is(err, wrong) {
			return &exitError{Usage, err}
		}
	}
	return &exitError{Failed, err}
}

// codeOf returns the exit code of err.
func codeOf(err error) Code {
	if err == nil {
		return OK
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[*spread.WorkerError](err); ok {
		return Unknown
	}
	if _, ok := errors.AsType[*usage.Error](err); ok {
		return Usage
	}
	if _, ok := errors.AsType[*dial.UnreachableError](err); ok {
		return Unknown
	}
	return Failed
}

// complain writes err, and a hint if there is one, and returns the exit code.
func complain(w io.Writer, err error) Code {
	code := codeOf(err)
	if exit, ok := errors.AsType[*exitError](err); err == nil || ok && exit.err == nil {
		return code
	}
	fmt.Fprintf(w, "echod: %v\n", err)
	writeHint(w, hintFor(err))
	return code
}
