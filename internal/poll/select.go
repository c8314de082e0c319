//go:build linux

package poll

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// SelectMaxFD is the highest descriptor that select(2) can watch. An fd_set is an
// array of FD_SETSIZE = 1,024 bits; the size is part of the binary interface of the
// C library. A larger descriptor has no bit in it, and FD_SET(3) writes behind the
// end of the array: programs without a check have corrupted their stack that way.
// The limit is on the number of a descriptor, not on how many are watched.
const SelectMaxFD = unix.FD_SETSIZE - 1

// selectPoller waits with select(2). Its list of watched descriptors is two fd_sets,
// one for each direction. Each wait copies both into the kernel, and then the kernel
// and the program scan them up to the highest descriptor.
type selectPoller struct {
	k        sys.Kernel
	read     unix.FdSet // watched for reading
	write    unix.FdSet // watched for writing
	canRead  unix.FdSet // copies for select, which overwrites them with the result
	canWrite unix.FdSet
	highest  int // the highest descriptor with a bit in read or write; -1 if there is none
	tags     [unix.FD_SETSIZE]uint32
	events   []Event
}

// NewSelect returns a Poller that waits with select(2).
func NewSelect(k sys.Kernel) (Poller, sys.Errno) {
	return &selectPoller{k: k, highest: -1, events: make([]Event, 0, unix.FD_SETSIZE)}, 0
}

func (p *selectPoller) Add(fd int, tag uint32, interest Conditions) sys.Errno {
	if fd > SelectMaxFD {
		return unix.EINVAL
	}
	return p.Modify(fd, tag, interest)
}

func (p *selectPoller) Modify(fd int, tag uint32, interest Conditions) sys.Errno {
	putBit(&p.read, fd, interest.Has(Readable))
	putBit(&p.write, fd, interest.Has(Writable))
	if interest != 0 {
		p.highest = max(p.highest, fd)
	}
	p.tags[fd] = tag
	return 0
}

func (p *selectPoller) Remove(fd int) {
	p.Modify(fd, 0, 0)
	for p.highest >= 0 && !hasBit(&p.read, p.highest) && !hasBit(&p.write, p.highest) {
		p.highest-- // so that the next scans are shorter
	}
}

func (p *selectPoller) CloseFD(fd int) {
	if fd <= SelectMaxFD {
		p.Remove(fd)
	}
	p.k.Close(fd)
}

func (p *selectPoller) Wait(timeout int) ([]Event, sys.Errno) {
	p.canRead, p.canWrite = p.read, p.write
	// The first argument is a number of bits, not a descriptor: hence the 1.
	_, errno := p.k.Select(p.highest+1, &p.canRead, &p.canWrite, timeout)
	if errno == unix.EINTR {
		return nil, 0
	}
	if errno != 0 {
		return nil, errno
	}
	p.events = p.events[:0]
	for word := 0; word <= p.highest/wordBits; word++ {
		read, write := p.canRead.Bits[word], p.canWrite.Bits[word]
		for left := read | write; left != 0; left &= left - 1 { // clears the lowest bit that is set
			bit := bits.TrailingZeros64(uint64(left)) // the number of that bit
			fd := word*wordBits + bit
			var ready Conditions
			if read>>bit&1 == 1 {
				ready |= Readable
			}
			if write>>bit&1 == 1 {
				ready |= Writable
			}
			p.events = append(p.events, Event{FD: int32(fd), Tag: p.tags[fd], Ready: ready})
		}
	}
	return p.events, 0
}

func (p *selectPoller) Use(k sys.Kernel) { p.k = k }

func (p *selectPoller) Close() {}

// wordBits is the number of bits in one word of an fd_set. Descriptor fd has bit
// fd%wordBits of word fd/wordBits. On a 64-bit machine descriptor 70 has bit 6 of
// word 1, because 70 = 1*64 + 6.
const wordBits = unix.NFDBITS

// putBit is FD_SET if on is true, else FD_CLR.
func putBit(set *unix.FdSet, fd int, on bool) {
	word, bit := fd/wordBits, fd%wordBits
	set.Bits[word] &^= 1 << bit
	if on {
		set.Bits[word] |= 1 << bit
	}
}

// hasBit is FD_ISSET.
func hasBit(set *unix.FdSet, fd int) bool { return set.Bits[fd/wordBits]>>(fd%wordBits)&1 == 1 }
