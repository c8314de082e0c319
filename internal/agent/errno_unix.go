//go:build !windows

package agent

import "syscall"

var errReset error = syscall.ECONNRESET
