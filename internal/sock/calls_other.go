//go:build !linux

package sock

// Calls makes the system calls on sockets of package net for which that package has no
// method.
type Calls struct{}
