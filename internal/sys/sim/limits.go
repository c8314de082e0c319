//go:build linux

package sim

import (
	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Limits are what the machine grants beside descriptors. 0 is no limit. They may
// be changed at any time; what is open stays open.
type Limits struct {
	// Files is fs.file-max: beyond it, whatever opens a file fails with ENFILE.
	Files int
	// Sockets stands for the memory of sockets: beyond it socket(2) fails with
	// ENOBUFS (inet_create) or, for a unix socket, ENOMEM (unix_create1).
	Sockets int
	// Watches is fs.epoll.max_user_watches: beyond it epoll_ctl(2) fails to
	// add with ENOSPC.
	Watches int
}

// shortOfDescriptors is what open meets: EMFILE of the process comes before
// ENFILE of the system.
func (k *Kernel) shortOfDescriptors() sys.Errno {
	switch {
	case k.free() >= k.NoFile:
		return unix.EMFILE
	case k.Limits.Files > 0 && len(k.Open()) >= k.Limits.Files:
		return unix.ENFILE
	}
	return 0
}

func (k *Kernel) shortOfSockets(domain int) sys.Errno {
	if k.Limits.Sockets == 0 {
		return 0
	}
	n := 0
	for _, d := range k.files {
		if d == nil {
			continue
		}
		switch d.file.(type) {
		case *socket, *stream, *datagrams:
			n++
		}
	}
	switch {
	case n < k.Limits.Sockets:
		return 0
	case domain == unix.AF_UNIX:
		return unix.ENOMEM
	}
	return unix.ENOBUFS
}

func (k *Kernel) shortOfWatches() bool {
	n := 0
	for _, d := range k.files {
		if d == nil {
			continue
		}
		if e, ok := d.file.(*epoll); ok {
			n += len(e.watches)
		}
	}
	return k.Limits.Watches > 0 && n >= k.Limits.Watches
}
