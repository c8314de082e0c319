package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// The life of a unix socket's file, the same for every engine:
//
//	place, err := TakeUnix(path)  the path is free, or it is an error
//	bind(2)                       makes the file
//	id, err := place.Bound()      mode 0660, and which file it is
//	listen(2)                     from here on connecting works
//	place.Failed(err)             instead, if it did not come so far
//	place.Leave()                 others may look at the path again
//	…
//	spec.Unlink()                 removes the file if it is still that one

// UnixMode is the mode of a unix socket's file: its owner and group may
// connect.
const UnixMode fs.FileMode = 0o660

// FileID tells one file from another that later bears its name. The zero FileID
// is no file.
type FileID struct{ Dev, Ino uint64 }

// UnixPlace is a path that is free to bind, and stays so until Leave.
type UnixPlace struct {
	path string
	lock *os.File // of the directory; nil where it could not be had
}

// TakeUnix makes path free to bind. A socket there is removed if connecting to
// it is refused, which means that no process listens on it; anything else there
// is left alone and is an error that wraps EADDRINUSE.
//
// Between this look and listen(2) the path is guarded by flock(2) on its
// directory: two servers that start at once would otherwise each find the
// other's fresh socket stale.
func TakeUnix(path string) (*UnixPlace, error) {
	place := &UnixPlace{path: path, lock: lockDir(path)}
	if err := removeStale(path); err != nil {
		place.Leave()
		return nil, err
	}
	return place, nil
}

// Bound tells the place that its path was bound: it gives the file its mode and
// returns which file it is. Called before listen(2), nobody can have connected
// under another mode. On an error the file is removed.
func (p *UnixPlace) Bound() (FileID, error) {
	err := os.Chmod(p.path, UnixMode)
	if err == nil {
		var id FileID
		if id, err = fileID(p.path); err == nil {
			return id, nil
		}
	}
	os.Remove(p.path) // what it is cannot be asked, but it was made under the lock
	return FileID{}, err
}

// Failed tells the place that package net did not listen there because of err. It
// removes the file that bind(2) has made by then, which package net leaves.
func (p *UnixPlace) Failed(err error) {
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Syscall == "bind" {
		return // what is there is another's
	}
	removeStale(p.path)
}

// Leave lets others look at the path. It may be called more than once.
func (p *UnixPlace) Leave() {
	if p.lock != nil {
		p.lock.Close()
		p.lock = nil
	}
}

// Unlink removes the socket file that s was bound to, unless its path is by now
// another file's. A socket that was inherited belongs to whoever made it:
// nothing is removed.
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

// removeStale removes path if it is a socket that nobody serves.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		// Not there, or not to be seen: bind(2) tells which.
		return nil
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket: %w", path, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	// A full backlog makes connecting wait: that too is a live server.
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("a live server has it: %w", os.NewSyscallError("bind", syscall.EADDRINUSE))
	case !refused(err):
		return fmt.Errorf("a socket is there that cannot be told to be stale (%w): %w", err, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
