//go:build !linux

package check

// clearDF is not available.
func clearDF(unconnectedSocket) bool { return false }
