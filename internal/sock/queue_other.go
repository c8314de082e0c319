//go:build !linux

package sock

import "syscall"

// AcceptQueue returns a negative number: only Linux says how many callers wait.
func (Calls) AcceptQueue(syscall.Conn) int { return -1 }

// Waiting returns nil: only on Linux is it known how to look without waiting.
func (Calls) Waiting(syscall.Conn) func() bool { return nil }

// Undelivered returns 0: only Linux says how much the peer has not acknowledged.
func (Calls) Undelivered(syscall.Conn) (int, error) { return 0, nil }
