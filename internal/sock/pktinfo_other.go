//go:build !linux

package sock

import (
	"net/netip"
	"syscall"
)

// ControlSize is the space in bytes for the control data of one datagram: none
// is asked for here.
const ControlSize = 0

// ReceivePktInfo does nothing: only Linux is asked for control data. Elsewhere
// a socket bound to one address still answers from it.
func ReceivePktInfo(syscall.RawConn) error { return nil }

// ParseControl knows nothing: there is no control data.
func ParseControl([]byte) PktInfo { return PktInfo{} }

// PutControl writes nothing: the system chooses the address the answer leaves
// from.
func PutControl([]byte, PktInfo, netip.Addr) int { return 0 }
