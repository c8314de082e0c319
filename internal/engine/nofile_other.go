//go:build !unix

package engine

// maxDescriptors returns how many descriptors this process may have open. Windows
// has no such limit that sockets reach.
func maxDescriptors() int { return 1 << 20 }
