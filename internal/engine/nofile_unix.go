//go:build unix

package engine

import "syscall"

// maxDescriptors returns how many descriptors this process may have open. Go raised
// the soft limit to the hard one when the process started.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	const most = 1 << 30 // RLIM_INFINITY does not fit into an int
	return int(min(uint64(limit.Cur), most))
}
