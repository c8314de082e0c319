package check

import "syscall"

// clearDF makes the packets of socket leave without the flag "don't fragment" (DF), so
// that routers may fragment them. It reports whether it did.
//
// Linux sets DF by default (IP_PMTUDISC_WANT, ip(7)), and package net does not change
// that: a datagram that fits into one packet has DF, and the kernel sends a longer one in
// fragments that do not have it. IPv6 has no DF, and routers never fragment.
func clearDF(socket unconnectedSocket) bool {
	raw, err := socket.SyscallConn()
	if err != nil || !socket.to.Addr().Is4() {
		return false
	}
	failed := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_DONT)
	})
	return failed == nil && err == nil
}
