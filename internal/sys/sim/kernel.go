//go:build linux

// Package sim is a simulated kernel in memory, for programs that make their system calls
// through [sys.Kernel]. It has listeners, streams, datagrams, eventfds and the three calls
// that wait for them. The other end of a connection is a [Peer], which a test controls.
//
// Each call that can fail asks a script what happens to it, one byte for each call: it
// goes as usual, it moves fewer bytes, or it fails with an error that is legal for it. The
// empty script has no faults. There is one thread and no randomness, so a run depends on
// the script and the peers only: it can be repeated, counted and shrunk.
//
// A connection has two ends that follow the rules of Linux 6.18: net/ipv4/tcp.c or
// net/unix/af_unix.c. A descriptor or a Peer refers to one of them. TestConformance
// compares this with the real kernel. A test asks for what a kernel may do but seldom does:
// [Kernel.SpuriousReady], [Kernel.Pause], [Limits], [Kernel.ShutdownElsewhere], and
// [Kernel.Choose] for a script without an end.
//
// The kernel also reports what a program must never do, in [Kernel.Violations]: use a
// descriptor after it was closed, read from a stream while bytes are owed on it, end a
// stream as if it were complete when it is not, ignore readiness that is reported again
// and again.
package sim

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// Kernel is a simulated kernel and its machine. It implements [sys.Kernel] for one thread:
// do not use it from two goroutines at once. The exported fields may be changed between
// calls.
type Kernel struct {
	// RecvBuffer and SendBuffer are the sizes of a stream's buffers in bytes: received
	// and not yet read, sent and not yet delivered.
	RecvBuffer, SendBuffer int
	// PeerBuffer is how many bytes the kernel of a stalled peer accepts.
	PeerBuffer int
	// NoFile is RLIMIT_NOFILE: every descriptor is below it.
	NoFile int
	// Limits are the other limits of the machine.
	Limits Limits
	// MTU is that of every path: a train of larger datagrams is not sent (see Sendmmsg). 0 means
	// that of the loopback.
	MTU int
	// NoTrains is a kernel before Linux 4.18, which has neither UDP_GRO nor UDP_SEGMENT.
	NoTrains bool
	// Choose, if not nil, returns the byte of the script for each call after its end.
	Choose func(Call) byte
	// Fault, if not nil, is called before the script is asked. If it does not return 0,
	// the call fails with that error. It is for faults that last.
	Fault func(Call) sys.Errno
	// OnBlock, if not nil, is called when a wait would sleep, with the timeout of the wait
	// in milliseconds.
	OnBlock func(timeout time.Duration) Wake
	// Coverage, if not nil, records every call.
	Coverage *Coverage

	script      []byte
	begin       int // the call that the first byte of the script is for
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
	// Timeout: nothing happened until the timeout. A wait without a timeout would never
	// end: that is a deadlock, and panics.
	Timeout Wake = iota
	// Look: something may have happened; the wait looks again.
	Look
	// Signal: a signal interrupts the call with EINTR.
	Signal
)

const (
	firstFD       = 3 // 0, 1 and 2 are open when a process starts
	tick          = time.Microsecond
	defaultBuffer = 64 << 10
)

// New returns a kernel without sockets, and with that script.
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

// EndFaults ends all faults: from now on every call goes as usual.
func (k *Kernel) EndFaults() { k.script, k.Fault, k.Choose = nil, nil, nil }

// SetScript replaces the script. Its first byte is for the next call.
func (k *Kernel) SetScript(script []byte) { k.script, k.begin = script, len(k.trace) }

// Trace lists the calls so far, except those that cannot fail. Call i had byte i of the
// script of New.
func (k *Kernel) Trace() []Call { return k.trace }

// Now returns the simulated time. It passes by a microsecond with each call, and by the
// timeout when a wait sleeps that long.
func (k *Kernel) Now() int64 { return k.clock }

// Sleep is nanosleep(2). It cannot fail, so it is not a call of the script.
func (k *Kernel) Sleep(d time.Duration) { k.Advance(d) }

// Advance lets time pass. A program that sleeps does not spin, so the counts for that
// start again.
func (k *Kernel) Advance(d time.Duration) {
	k.clock += int64(d)
	k.resetUnserved()
	k.resendSYNs()
	k.reapOrphans()
}

func (k *Kernel) recvBuffer() int { return k.RecvBuffer }
func (k *Kernel) sendBuffer() int { return k.SendBuffer }

// Violations lists what the program did wrong, if anything.
func (k *Kernel) Violations() []string { return slices.Clone(k.violations) }

func (k *Kernel) violate(format string, args ...any) {
	k.violations = append(k.violations, fmt.Sprintf("call %d: ", len(k.trace))+fmt.Sprintf(format, args...))
}

// Open returns the open descriptors.
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
	// ready returns the events that poll(2) would report.
	ready() int16
	// close is called when the last descriptor has been closed.
	close()
}

// descriptor is an entry of the table of open files.
type descriptor struct {
	file
	fd       int
	nonblock bool
	unserved int // how often in a row it was reported as ready and nothing was done
}

// open opens f at the lowest free descriptor. It fails with EMFILE or ENFILE.
func (k *Kernel) open(f file, nonblock bool) (int, sys.Errno) {
	if errno := k.checkFiles(); errno != 0 {
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

// lookup returns the descriptor that call is made on. Nil means that it is closed: that is
// a violation, and the call fails with EBADF.
func (k *Kernel) lookup(call Call, fd int) *descriptor {
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		k.violate("%s on fd %d, which is not open", call, fd)
		return nil
	}
	return k.files[fd]
}

// find is lookup for a call that works on one kind of file only. On any other it is a
// violation, and the call fails as wrongFile says.
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

// Close closes fd even if the script lets the call fail: see close(2), "Dealing with error
// returns from close()".
func (k *Kernel) Close(fd int) sys.Errno {
	d := k.lookup(Close, fd)
	if d == nil {
		return unix.EBADF
	}
	decision := k.decide(Close)
	k.files[fd] = nil
	k.removeWatches(d)
	d.file.close()
	return decision.errno
}

// mustNotBlock reports a violation if a call could block: sys.Linux would block a thread.
func (k *Kernel) mustNotBlock(call Call, d *descriptor, flags int) {
	if !d.nonblock && flags&unix.MSG_DONTWAIT == 0 {
		k.violate("%s may block: fd %d is not non-blocking", call, d.fd)
	}
}

// pause is a time for which the process is stopped.
type pause struct {
	at     int // the call before it
	length time.Duration
	during func()
}

// Pause stops the process for length, after this many more calls, as SIGSTOP, a suspended
// machine or a busy host does. It calls during, unless nil, so that peers can do something
// in that time. The process notices only that time has passed.
func (k *Kernel) Pause(calls int, length time.Duration, during func()) {
	k.pauses = append(k.pauses, pause{len(k.trace) + calls, length, during})
}

// startPauses makes the pauses that are due.
func (k *Kernel) startPauses() {
	for i := 0; i < len(k.pauses); i++ {
		p := k.pauses[i]
		if len(k.trace) <= p.at {
			continue
		}
		k.pauses = append(k.pauses[:i:i], k.pauses[i+1:]...)
		i--
		k.Advance(p.length)
		if p.during != nil {
			p.during()
		}
	}
}

// Limits are the limits of the machine besides NoFile. 0: no limit. What is open stays
// open when a limit becomes lower.
type Limits struct {
	// Files is fs.file-max: at this number of open files, opening another fails with
	// ENFILE.
	Files int
	// Sockets stands for the memory of sockets: at this number socket(2) fails with
	// ENOBUFS (inet_create) or, for a unix socket, ENOMEM (unix_create1).
	Sockets int
	// Watches is fs.epoll.max_user_watches: at this number epoll_ctl(2) fails to add
	// another with ENOSPC.
	Watches int
}

// checkFiles returns the error of opening one more file: EMFILE, of the process, comes
// before ENFILE, of the system.
func (k *Kernel) checkFiles() sys.Errno {
	switch {
	case k.free() >= k.NoFile:
		return unix.EMFILE
	case k.Limits.Files > 0 && len(k.Open()) >= k.Limits.Files:
		return unix.ENFILE
	}
	return 0
}

func (k *Kernel) checkSockets(domain int) sys.Errno {
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

func (k *Kernel) watchesUsedUp() bool {
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
