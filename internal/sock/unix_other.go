//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sock

import "os"

// lockDir locks nothing. On these systems two servers that start at the same time on
// the same stale socket can remove each other's socket.
func lockDir(string) *os.File { return nil }

// fileID identifies files by their modification time: there is no inode.
func fileID(path string) (FileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return FileID{}, err
	}
	return FileID{Ino: uint64(info.ModTime().UnixNano())}, nil
}
