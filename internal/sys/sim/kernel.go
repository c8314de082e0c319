//go:build linux

package sim

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Kernel is a simulated kernel and the machine around it. It implements
// [sys.Kernel] for one thread: nothing here may be called from two goroutines
// at once.
//
// The exported fields may be set before the first call, and changed between
// calls.
type Kernel struct {
	// RecvBuffer and SendBuffer are how many bytes the kernel holds of each
	// stream, not yet read by the server and not yet taken by the peer.
	RecvBuffer, SendBuffer int
	// PeerBuffer is how many bytes the kernel of a stalled peer holds beside
	// those.
	PeerBuffer int
	// NoFile is RLIMIT_NOFILE: every descriptor is lower.
	NoFile int
	// Limits are what else the machine grants.
	Limits Limits
	// Choose, if not nil, gives the byte of the script for every call beyond
	// its end.
	Choose func(Call) byte
	// Fault, if not nil, is asked before the script: the errno it returns,
	// unless 0, is what the call fails with. It makes faults that last.
	Fault func(Call) sys.Errno
	// OnBlock, if not nil, is called when a wait would sleep, with its timeout
	// in milliseconds.
	OnBlock func(timeout int) Wake
	// Coverage, if not nil, is told of every call.
	Coverage *Coverage

	script      []byte
	begin       int // the call that has the script's first byte
	trace       []Call
	clock       int64
	files       []*descriptor // by number; nil where closed
	ports       map[uint16]file
	nextPort    uint16
	paths       map[string]*socket
	remotes     map[uint16]*Remote
	unixRemotes map[string]*Remote
	attempts    []*attempt
	orphans     []*orphan
	pauses      []pause
	dialled     int
	violations  []string
}

var _ sys.Kernel = (*Kernel)(nil)

// Wake is what ends a sleep.
type Wake uint8

const (
	// Timeout: nothing happened, so the time is up. A sleep without a timeout
	// that nothing can end is a deadlock, and panics.
	Timeout Wake = iota
	// Look: a peer may have moved; look again.
	Look
	// Signal: a signal interrupts the call with EINTR.
	Signal
)

const (
	firstFD       = 3 // as after a start: 0, 1 and 2 are taken
	tick          = time.Microsecond
	defaultBuffer = 64 << 10
)

// New returns a kernel without a socket, whose calls go as script says.
func New(script []byte) *Kernel {
	return &Kernel{
		RecvBuffer:  defaultBuffer,
		SendBuffer:  defaultBuffer,
		NoFile:      20000,
		script:      script,
		files:       make([]*descriptor, firstFD),
		ports:       make(map[uint16]file),
		paths:       make(map[string]*socket),
		remotes:     make(map[uint16]*Remote),
		unixRemotes: make(map[string]*Remote),
		nextPort:    50000,
	}
}

// EndFaults ends all faults: from now on every call goes as it would.
func (k *Kernel) EndFaults() { k.script, k.Fault, k.Choose = nil, nil, nil }

// SetScript lets the calls from now on go as script says.
func (k *Kernel) SetScript(script []byte) { k.script, k.begin = script, len(k.trace) }

// Trace lists the fallible calls made so far; call i had byte i of New's script.
func (k *Kernel) Trace() []Call { return k.trace }

// Now is the simulated clock: it moves a microsecond with each call, and by
// the timeout when a wait sleeps through it.
func (k *Kernel) Now() int64 { return k.clock }

// Sleep is nanosleep(2). It is no call that a script decides on, as it cannot fail.
func (k *Kernel) Sleep(d time.Duration) { k.Advance(d) }

// Advance lets d pass. Whoever lets time pass does not spin.
func (k *Kernel) Advance(d time.Duration) {
	k.clock += int64(d)
	k.forgive()
	k.retry()
	k.reapOrphans()
}

func (k *Kernel) recvBuffer() int { return k.RecvBuffer }
func (k *Kernel) sendBuffer() int { return k.SendBuffer }

// Violations lists what the server did that no server may do.
func (k *Kernel) Violations() []string { return slices.Clone(k.violations) }

func (k *Kernel) violate(format string, args ...any) {
	k.violations = append(k.violations, fmt.Sprintf("call %d: ", len(k.trace))+fmt.Sprintf(format, args...))
}

// Open lists the descriptors that are open.
func (k *Kernel) Open() []int {
	var open []int
	for fd, d := range k.files {
		if d != nil {
			open = append(open, fd)
		}
	}
	return open
}

// file is what a descriptor refers to.
type file interface {
	// ready is what poll(2) would say about it.
	ready() int16
	// close lets go of it; the descriptor is already free.
	close()
}

// descriptor is an entry of the table of open files.
type descriptor struct {
	file
	fd       int
	nonblock bool
	streak   int // readiness reported in a row and not served
}

// open installs f at the lowest free descriptor, or fails with EMFILE or ENFILE.
func (k *Kernel) open(f file, nonblock bool) (int, sys.Errno) {
	if errno := k.shortOfDescriptors(); errno != 0 {
		return -1, errno
	}
	fd := k.free()
	if fd == len(k.files) {
		k.files = append(k.files, nil)
	}
	k.files[fd] = &descriptor{file: f, fd: fd, nonblock: nonblock}
	return fd, 0
}

func (k *Kernel) free() int {
	for fd := firstFD; fd < len(k.files); fd++ {
		if k.files[fd] == nil {
			return fd
		}
	}
	return len(k.files)
}

// lookup finds the descriptor that call is made on. To use a closed one is a
// violation, and EBADF.
func (k *Kernel) lookup(call Call, fd int) *descriptor {
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		k.violate("%s on fd %d, which is not open", call, fd)
		return nil
	}
	return k.files[fd]
}

// find is lookup for a call that wants a certain kind of file; anything else
// is a violation, and gets the errno of wrongFile.
func find[F file](k *Kernel, call Call, fd int) (*descriptor, F) {
	var none F
	d := k.lookup(call, fd)
	if d == nil {
		return nil, none
	}
	f, ok := d.file.(F)
	if !ok {
		k.violate("%s on fd %d, which is a %T", call, fd, d.file)
		return nil, none
	}
	return d, f
}

// Close releases fd, even when the script makes it fail: close(2), "Dealing
// with error returns from close()".
func (k *Kernel) Close(fd int) sys.Errno {
	d := k.lookup(Close, fd)
	if d == nil {
		return unix.EBADF
	}
	decision := k.decide(Close)
	k.files[fd] = nil
	k.forget(d)
	d.file.close()
	return decision.errno
}

// mustNotBlock reports a call that would make a raw system call sleep.
func (k *Kernel) mustNotBlock(call Call, d *descriptor, flags int) {
	if !d.nonblock && flags&unix.MSG_DONTWAIT == 0 {
		k.violate("%s may block: fd %d is not non-blocking", call, d.fd)
	}
}
