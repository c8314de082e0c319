package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"echod/internal/errno"
)

// The socket file of a unix listener, in the order of calls:
//
//	p, err := reserveUnixPath(path)  the path is free to bind, or it is an error
//	bind(2)                          makes the file
//	id, err := p.bound()             sets its mode to 0660 and identifies the file
//	listen(2)                        from now on clients can connect
//	p.bindFailed(err)                instead, if package net could not bind or listen
//	p.unlock()                       other processes may check the path again
//	…
//	spec.Unlink()                    removes the file if it is still the same one

// UnixMode is the mode of a socket file: its owner and group may connect.
const UnixMode fs.FileMode = 0o660

// FileID identifies a file, also if another file gets its name later. The zero FileID
// means no file.
type FileID struct{ Dev, Ino uint64 }

// unixPath is a path that is free to bind until unlock.
type unixPath struct {
	path string
	lock *os.File // of the directory; nil if it could not be locked
}

// reserveUnixPath makes path free to bind. It removes a socket there if connecting to
// it is refused, which means that no process listens on it. Anything else there is
// left alone and is an error that wraps EADDRINUSE.
//
// From this check until after listen(2) the directory is locked with flock(2).
// Without the lock, two servers that start at the same time could each find the new
// socket of the other stale.
func reserveUnixPath(path string) (*unixPath, error) {
	p := &unixPath{path: path, lock: lockDir(path)}
	if err := removeStale(path); err != nil {
		p.unlock()
		return nil, err
	}
	return p, nil
}

// bound sets the mode of the file that bind(2) has made and returns its ID. It is
// called before listen(2), so nobody can have connected under another mode. On an
// error it removes the file.
func (p *unixPath) bound() (FileID, error) {
	err := os.Chmod(p.path, UnixMode)
	if err == nil {
		var id FileID
		if id, err = fileID(p.path); err == nil {
			return id, nil
		}
	}
	os.Remove(p.path) // it is ours: it was made while the directory was locked
	return FileID{}, err
}

// bindFailed removes the file after package net failed to listen with err. If bind(2)
// succeeded, package net leaves the file.
func (p *unixPath) bindFailed(err error) {
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Syscall == "bind" {
		return // the file belongs to another process
	}
	removeStale(p.path)
}

// unlock unlocks the directory. It may be called more than once.
func (p *unixPath) unlock() {
	if p.lock != nil {
		p.lock.Close()
		p.lock = nil
	}
}

// Unlink removes the socket file of s, unless another file has its path by now. It
// does not remove the file of an inherited socket: the process that made it does.
func (s Spec) Unlink() error {
	if s.File == (FileID{}) {
		return nil
	}
	id, err := fileID(s.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && id != s.File {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(s.Path)
}

// removeStale removes path if it is a socket on which no process listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // bind(2) will report what is wrong, if anything is
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket: %w", path, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	// With a full backlog connecting waits until the timeout: the server is live.
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("another server listens there: %w", os.NewSyscallError("bind", syscall.EADDRINUSE))
	case errno.Classify(errno.Of(err)) != errno.Refused:
		return fmt.Errorf("cannot tell whether the socket is stale (%w): %w", err, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
