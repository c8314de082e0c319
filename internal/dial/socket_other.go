//go:build !linux

package dial

import (
	"errors"
	"net"
	"runtime"
)

// bindWithoutPort does nothing: only Linux has the option.
func bindWithoutPort(int) {}

// HasDiscovery and the others report which options of [Socket] this system has.
const hasInterface, hasTOS, HasDiscovery = false, runtime.GOOS != "windows", false

// set gives the options to a socket that is not connected. [Socket.Check] has refused
// those that this system does not have.
func (s Socket) set(fd int, ipv6 bool) error { return s.setTOS(fd, ipv6) }

// receiveTTL does nothing, so that [Read] returns no TTL.
func receiveTTL(int, bool) error { return nil }

func tryInterface(string) error { return errors.ErrUnsupported }

// MTU returns an error: only Linux has IP_MTU.
func MTU(net.Conn) (int, error) { return 0, errors.ErrUnsupported }

const controlSize = 0

func parseTTL([]byte) int { return 0 }

// Retransmits returns 0: it is not known here.
func Retransmits(net.Conn) int64 { return 0 }
