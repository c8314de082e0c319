//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sock

import (
	"errors"
	"os"
	"syscall"
)

// lockDir locks nothing: here two servers that start at the same moment on the
// same stale socket can take it from each other.
func lockDir(string) *os.File { return nil }

// fileID tells files apart by the time they were made: there is no inode.
func fileID(path string) (FileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return FileID{}, err
	}
	return FileID{Ino: uint64(info.ModTime().UnixNano())}, nil
}

// wsaeConnRefused is what Windows calls ECONNREFUSED.
const wsaeConnRefused = syscall.Errno(10061)

func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaeConnRefused)
}
