//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockTimeout bounds the wait for the lock. Servers hold it for a few system calls
// only, but any process may lock a directory and keep the lock.
const lockTimeout = 2 * time.Second

// lockDir locks the directory of path. Closing the file unlocks it. It returns nil if
// the directory cannot be read, or not be locked in time. The lock only prevents a
// race between two servers that start at the same time, so the caller goes on.
func lockDir(path string) *os.File {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for deadline := time.Now().Add(lockTimeout); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return dir
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
			dir.Close()
			return nil
		}
	}
}

// fileID returns the ID of the file at path. It does not follow symbolic links.
func fileID(path string) (FileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return FileID{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return FileID{Dev: uint64(stat.Dev), Ino: uint64(stat.Ino)}, nil
}
