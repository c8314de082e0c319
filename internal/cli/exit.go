package cli

import (
	"echod/internal/dial"
	"echod/internal/usage"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// Code is an exit code.
type Code int

const (
	OK      Code = 0 // fine
	Failed  Code = 1 // the thing asked about failed: a rule, a listener
	Usage   Code = 2 // the caller's mistake; nothing was started
	Unknown Code = 3 // it could not be told: no connection, inconclusive
)

// exitError ends a verb with a code. err is what there is to complain about,
// nil if the answer has said it all.
type exitError struct {
	code Code
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fileError is err about a file that the command line names. A file that does not
// exist, or is not what is wanted, is a mistake of the caller. One that the system
// could not read now is not: the same command line may succeed later.
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

// codeOf is the exit code that err means.
func codeOf(err error) Code {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if _, ok := errors.AsType[*usage.Error](err); ok {
		return Usage
	}
	if _, ok := errors.AsType[*dial.UnreachableError](err); ok {
		return Unknown
	}
	if err != nil {
		return Failed
	}
	return OK
}

// complain says on one line what went wrong, and on another what may help if
// that is known.
func complain(w io.Writer, err error) Code {
	code := codeOf(err)
	if err == nil {
		return code
	}
	if exit, ok := errors.AsType[*exitError](err); ok && exit.err == nil {
		return code
	}
	fmt.Fprintf(w, "echod: %v\n", err)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(w, "echod: hint: %s\n", hint)
	}
	return code
}
