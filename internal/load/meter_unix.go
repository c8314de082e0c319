//go:build !windows

package load

import (
	"syscall"
	"time"
)

// ownSeconds returns the processor time of this process: getrusage(2).
func ownSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
