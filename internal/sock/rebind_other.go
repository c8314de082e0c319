//go:build !linux

package sock

import "syscall"

// RebindConn does nothing: no other system is known to unbind a socket that is
// open.
func (Calls) RebindConn(syscall.Conn, Spec) (rebound bool, err error) { return false, nil }
