//go:build !unix

package engine

// maxDescriptors is how many descriptors this process may have open. Windows
// sets no limit that a socket meets first.
func maxDescriptors() int { return 1 << 20 }
