// Package errno finds the error number in what package net returns and gives it
// its POSIX name on every system, so that each table of errors is written once.
package errno

import (
	"errors"
	"syscall"
)

// Of returns the error number of the system call that failed with err, as POSIX
// names it. It is 0 if no system call failed.
func Of(err error) syscall.Errno {
	number, _ := errors.AsType[syscall.Errno](err)
	return POSIX(number)
}
