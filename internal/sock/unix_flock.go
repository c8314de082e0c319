//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience bounds how long a start waits for another's: each holds the lock
// for a few system calls only, but anybody may lock a directory for ever.
const lockPatience = 2 * time.Second

// lockDir locks path's directory; closing the file unlocks it. nil: it could
// not be had, because the directory may not be read or somebody keeps it. The
// lock only ever settles a race between two starts, so the start goes on.
func lockDir(path string) *os.File {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
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

// fileID names the file at path itself, not what it may point to.
func fileID(path string) (FileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return FileID{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return FileID{Dev: uint64(stat.Dev), Ino: uint64(stat.Ino)}, nil
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
