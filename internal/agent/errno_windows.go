package agent

import "syscall"

// Package syscall's ECONNRESET is a value of its own on Windows; this is the
// one that Winsock gives.
var errReset error = syscall.WSAECONNRESET
