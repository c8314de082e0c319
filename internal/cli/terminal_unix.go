//go:build linux || darwin || freebsd

package cli

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// sizeOf returns the size of a terminal, 0 if file is none: TIOCGWINSZ of ioctl_tty(2).
func sizeOf(file *os.File) windowSize {
	var size struct{ rows, columns, x, y uint16 }
	raw, err := file.SyscallConn()
	if err != nil {
		return windowSize{}
	}
	raw.Control(func(fd uintptr) {
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	})
	return windowSize{int(size.columns), int(size.rows)}
}

// isJournal reports whether w is the stream to the journal that JOURNAL_STREAM names by
// device and inode (systemd.exec(5)). A child whose output goes elsewhere has the
// variable, too.
func isJournal(w io.Writer, stream string) bool {
	file, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
