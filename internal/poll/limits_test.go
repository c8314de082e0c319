//go:build linux

package poll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// The edges of the words of an fd_set, which have 32 or 64 bits.
func TestDescriptorsAtTheEdgesOfWords(t *testing.T) {
	k := &sys.Linux{}
	for _, tt := range pollers {
		t.Run(tt.name, func(t *testing.T) {
			p := newPoller(t, tt.make, k)
			dialled, fd := connection(t, k)
			defer k.Close(dialled)
			defer k.Close(fd)
			for _, from := range []int{95, 96, 127, 128, 500, SelectMaxFD} {
				high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, from)
				if err != nil {
					t.Fatal(err)
				}
				add(t, p, high, uint32(from), Readable|Writable)
				wantEvents(t, p, Event{int32(high), uint32(from), Writable})
				p.Remove(high)
				wantEvents(t, p)
				k.Close(high)
				if s, ok := p.(*selectPoller); ok && s.highest != -1 {
					t.Errorf("no descriptor is watched: select scans up to %d, want no scan", s.highest)
				}
			}
		})
	}
}

func TestSelectRefusesADescriptorWithoutABit(t *testing.T) {
	p := newPoller(t, NewSelect, &sys.Linux{})
	for _, fd := range []int{SelectMaxFD + 1, 20_000} {
		if errno := p.Add(fd, 1, Readable); errno != unix.EINVAL {
			t.Errorf("descriptor %d: got %v, want EINVAL", fd, errno)
		}
		p.CloseFD(fd)
	}
}

func TestAnAddThatFailsWatchesNothing(t *testing.T) {
	k := sim.New(nil)
	p := newPoller(t, NewEpoll, k)
	dialled, fd := connection(t, k)
	defer k.Close(dialled)
	defer p.CloseFD(fd)
	k.Fault = func(call sim.Call) sys.Errno {
		if call == sim.EpollAdd {
			return unix.ENOSPC
		}
		return 0
	}
	if errno := p.Add(fd, 1, Writable); errno != unix.ENOSPC {
		t.Errorf("got %v, want ENOSPC", errno)
	}
	k.EndFaults()
	wantEvents(t, p)
	add(t, p, fd, 2, Writable)
	wantEvents(t, p, Event{int32(fd), 2, Writable})
}

func TestWaitReturnsEarlyOnASignalAndReturnsEveryOtherError(t *testing.T) {
	for _, tt := range pollers {
		for fault, want := range map[sys.Errno]sys.Errno{unix.EINTR: 0, unix.ENOMEM: unix.ENOMEM} {
			t.Run(tt.name+"/"+unix.ErrnoName(fault), func(t *testing.T) {
				k := sim.New(nil)
				p := newPoller(t, tt.make, k)
				dialled, fd := connection(t, k)
				defer k.Close(dialled)
				defer p.CloseFD(fd)
				add(t, p, fd, 1, Writable)
				k.Fault = func(call sim.Call) sys.Errno {
					if call == sim.Select || call == sim.Poll || call == sim.EpollWait {
						return fault
					}
					return 0
				}
				if events, errno := p.Wait(-1); len(events) != 0 || errno != want {
					t.Errorf("got %v, %v; want no events, %v", events, errno, want)
				}
				k.EndFaults()
				wantEvents(t, p, Event{int32(fd), 1, Writable})
			})
		}
	}
}

// TestWhatOneWaitDoesNotReportTheNextDoes has more descriptors ready than one
// epoll_wait returns.
func TestWhatOneWaitDoesNotReportTheNextDoes(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		missing := map[int32]bool{}
		for range epollBatch + 100 {
			fd, errno := k.Eventfd(1, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
			if errno != 0 {
				t.Fatal(errno)
			}
			add(t, p, fd, 1, Readable)
			defer k.Close(fd)
			defer p.Remove(fd)
			missing[int32(fd)] = true
		}
		for range 2 {
			events, errno := p.Wait(0)
			if errno != 0 {
				t.Fatal(errno)
			}
			for _, ev := range events {
				delete(missing, ev.FD)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%d ready descriptors were not reported", len(missing))
		}
	})
}

func TestPollersAllocateNothing(t *testing.T) {
	k := &sys.Linux{}
	for _, tt := range pollers {
		t.Run(tt.name, func(t *testing.T) {
			p := newPoller(t, tt.make, k)
			dialled, fd := connection(t, k)
			defer k.Close(dialled)
			defer p.CloseFD(fd)
			add(t, p, fd, 1, Writable)
			allocs := testing.AllocsPerRun(100, func() {
				p.Modify(fd, 1, Readable|Writable)
				if events, _ := p.Wait(second); len(events) != 1 {
					t.Error("nothing is ready")
				}
				p.Remove(fd)
				p.Add(fd, 2, Writable)
			})
			if allocs != 0 {
				t.Errorf("got %v allocations, want 0", allocs)
			}
		})
	}
}

// There may be no epoll_pwait2: then a timeout is cut to whole milliseconds.
func TestEpollWaitsPrecisely(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first sys.Errno // of the first call, which is epoll_pwait2
		want  time.Duration
	}{
		{"since Linux 5.11", 0, 2500 * time.Microsecond},
		{"before", unix.ENOSYS, 2 * time.Millisecond},
		{"refused by a seccomp filter", unix.EPERM, 2 * time.Millisecond},
	} {
		k := sim.New(nil)
		k.Fault = func(call sim.Call) sys.Errno {
			if call != sim.EpollWait {
				return 0
			}
			errno := tt.first
			tt.first = 0
			return errno
		}
		p := newPoller(t, NewEpoll, k).(Precise)
		start := k.Now()
		events, errno := p.WaitPrecisely(2500 * time.Microsecond)
		if took := time.Duration(k.Now() - start).Truncate(100 * time.Microsecond); len(events) != 0 || errno != 0 || took != tt.want {
			t.Errorf("%s: got %v, %v after %v, want none after %v", tt.name, events, errno, took, tt.want)
		}
	}
}
