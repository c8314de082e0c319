// Package textfile reads files that change while the process runs, e.g. a list of targets or a
// certificate. They are read again and again.
package textfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Content is what a file contained at one moment, or why it could not be read. Two that are
// equal are the same.
type Content struct {
	Text    string
	problem string        // why it could not be read, or ""
	errno   syscall.Errno // of the system call that failed, else 0
}

// Read returns the content of a regular file of at most limit bytes. It does not wait for the
// writer of a pipe, nor read a terminal or a device: they cannot be read again.
func Read(name string, limit int) Content {
	text, err := read(name, limit)
	if err == nil {
		return Content{Text: text}
	}
	number, _ := errors.AsType[syscall.Errno](err)
	return Content{problem: err.Error(), errno: number}
}

func read(name string, limit int) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is opened at once (fifo(7))
	if err != nil {
		return "", err
	}
	defer file.Close()
	switch info, err := file.Stat(); {
	case err != nil:
		return "", err
	case info.IsDir():
		return "", &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is a pipe or a device: want a regular file, because it is read again when it changes", name)
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err == nil && len(text) > limit {
		err = fmt.Errorf("%s is too long: want at most %d bytes", name, limit)
	}
	return string(text), err
}

// Err returns why the file could not be read, or nil. The error wraps a syscall.Errno if a
// system call failed.
func (c Content) Err() error {
	if c.problem == "" {
		return nil
	}
	return &readError{c.problem, c.errno}
}

type readError struct {
	text  string
	errno syscall.Errno
}

func (e *readError) Error() string { return e.text }

func (e *readError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}
