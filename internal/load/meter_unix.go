//go:build !windows

package load

import (
	"syscall"
	"time"
)

// ownSeconds is what this process has spent: getrusage(2).
func ownSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
