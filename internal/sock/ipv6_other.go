//go:build !linux

package sock

// hasIPv6 takes IPv6 for granted: systems other than Linux are not built
// without it.
func hasIPv6() bool { return true }
