//go:build linux

package poll

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

var pollers = []struct {
	name string
	make func(sys.Kernel) (Poller, sys.Errno)
}{
	{"select", NewSelect},
	{"poll", NewPoll},
	{"epoll", NewEpoll},
}

// second is a timeout of Wait that does not pass in a test that succeeds.
const second = 1000

// onEach runs a test with each poller, on the simulated kernel and on the real one.
func onEach(t *testing.T, test func(t *testing.T, k sys.Kernel, p Poller)) {
	t.Helper()
	for _, p := range pollers {
		simulated := sim.New(nil)
		for name, k := range map[string]sys.Kernel{"simulated": simulated, "real": &sys.Linux{}} {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				test(t, k, newPoller(t, p.make, k))
			})
		}
		for _, violation := range simulated.Violations() {
			t.Errorf("%s: %s", p.name, violation)
		}
	}
}

func newPoller(t *testing.T, create func(sys.Kernel) (Poller, sys.Errno), k sys.Kernel) Poller {
	t.Helper()
	p, errno := create(k)
	if errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(p.Close)
	return p
}

// connection returns the two ends of a TCP connection, which the caller closes.
func connection(t *testing.T, k sys.Kernel) (dialled, accepted int) {
	t.Helper()
	must := func(errno sys.Errno) {
		t.Helper()
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	const stream = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	listener, errno := k.Socket(unix.AF_INET, stream, 0)
	must(errno)
	defer k.Close(listener)
	must(k.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(k.Listen(listener, 1))
	if simulated, ok := k.(*sim.Kernel); ok {
		simulated.NotEcho(listener) // it expects an echo otherwise
	}
	addr, errno := k.Getsockname(listener)
	must(errno)
	dialled, errno = k.Socket(unix.AF_INET, stream, 0)
	must(errno)
	if errno := k.Connect(dialled, addr); errno != unix.EINPROGRESS {
		must(errno)
	}
	if n, errno := k.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, second); n != 1 {
		t.Fatalf("the listener is not readable: %v", errno)
	}
	accepted, errno = k.Accept4(listener, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	must(errno)
	return dialled, accepted
}

func isOpen(k sys.Kernel, fd int) bool {
	if simulated, ok := k.(*sim.Kernel); ok {
		return slices.Contains(simulated.Open(), fd)
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func add(t *testing.T, p Poller, fd int, tag uint32, interest Conditions) {
	t.Helper()
	if errno := p.Add(fd, tag, interest); errno != 0 {
		t.Fatal(errno)
	}
}

// wantEvents checks what the next Wait reports. It waits only if there is something
// to wait for.
func wantEvents(t *testing.T, p Poller, want ...Event) {
	t.Helper()
	timeout := 0
	if len(want) > 0 {
		timeout = second
	}
	got, errno := p.Wait(timeout)
	if errno != 0 {
		t.Fatal(errno)
	}
	if diff := cmp.Diff(want, slices.Clone(got)); len(want)+len(got) > 0 && diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func send(t *testing.T, k sys.Kernel, fd int) {
	t.Helper()
	if _, errno := k.Send(fd, []byte("x"), unix.MSG_NOSIGNAL); errno != 0 {
		t.Fatal(errno)
	}
}

func TestWaitReportsWhatIsReadyAndInTheInterest(t *testing.T) {
	tests := []struct {
		name     string
		interest Conditions
		input    bool
		want     Conditions
	}{
		{"reading, no input", Readable, false, 0},
		{"reading, input", Readable, true, Readable},
		{"writing, input", Writable, true, Writable},
		{"both, no input", Readable | Writable, false, Writable},
		{"both, input", Readable | Writable, true, Readable | Writable},
		{"nothing, input", 0, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
				dialled, fd := connection(t, k)
				defer k.Close(dialled)
				defer p.CloseFD(fd)
				add(t, p, fd, 77, Readable)
				if tt.input { // wait until it has arrived
					send(t, k, dialled)
					wantEvents(t, p, Event{int32(fd), 77, Readable})
				}
				if errno := p.Modify(fd, 78, tt.interest); errno != 0 {
					t.Fatal(errno)
				}
				if tt.want == 0 {
					wantEvents(t, p)
				} else {
					wantEvents(t, p, Event{int32(fd), 78, tt.want})
				}
			})
		})
	}
}

func TestADescriptorIsReportedUntilItIsServed(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		dialled, fd := connection(t, k)
		defer k.Close(dialled)
		defer p.CloseFD(fd)
		add(t, p, fd, 5, Readable)
		wantEvents(t, p)
		send(t, k, dialled)
		for range 3 {
			wantEvents(t, p, Event{int32(fd), 5, Readable})
		}
		if n, errno := k.Recv(fd, make([]byte, 10), 0); n != 1 {
			t.Fatalf("recv: got %d, %v", n, errno)
		}
		wantEvents(t, p)
	})
}

func TestRemovedDescriptorsAreNotReportedAndOthersAre(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		var fds []int
		for i := range 4 {
			dialled, fd := connection(t, k)
			defer k.Close(dialled)
			defer p.CloseFD(fd)
			add(t, p, fd, uint32(i), Writable)
			fds = append(fds, fd)
		}
		// The order is the poller's own, so it is not compared.
		watched := func() (tags []uint32) {
			events, errno := p.Wait(0)
			if errno != 0 {
				t.Fatal(errno)
			}
			for _, ev := range events {
				if fds[ev.Tag] != int(ev.FD) {
					t.Errorf("got tag %d with descriptor %d, want %d", ev.Tag, ev.FD, fds[ev.Tag])
				}
				tags = append(tags, ev.Tag)
			}
			slices.Sort(tags)
			return tags
		}
		p.Remove(fds[3]) // the last one
		p.Remove(fds[0])
		if got, want := watched(), []uint32{1, 2}; !slices.Equal(got, want) {
			t.Errorf("after two were removed: got tags %v, want %v", got, want)
		}
		add(t, p, fds[3], 3, Writable)
		p.Remove(fds[1])
		if got, want := watched(), []uint32{2, 3}; !slices.Equal(got, want) {
			t.Errorf("after one was added again: got tags %v, want %v", got, want)
		}
	})
}

func TestCloseFDClosesAndEndsTheWatch(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		dialled, fd := connection(t, k)
		defer k.Close(dialled)
		add(t, p, fd, 1, Writable)
		p.CloseFD(fd)
		if isOpen(k, fd) {
			t.Errorf("descriptor %d is still open", fd)
		}
		otherDialled, other := connection(t, k)
		defer k.Close(otherDialled)
		defer p.CloseFD(other)
		wantEvents(t, p)
		add(t, p, other, 2, Writable) // which may have the same number
		wantEvents(t, p, Event{int32(other), 2, Writable})
	})
}

func TestCloseFDTakesADescriptorThatIsNotWatched(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		watched, fd := connection(t, k)
		defer p.CloseFD(watched)
		add(t, p, watched, 1, Writable)
		p.CloseFD(fd)
		if isOpen(k, fd) {
			t.Errorf("descriptor %d is still open", fd)
		}
		if events, errno := p.Wait(second); len(events) != 1 || events[0].FD != int32(watched) {
			t.Errorf("got events %v, %v; want one, of descriptor %d", events, errno, watched)
		}
	})
}

// TestRemoveEndsTheWatchOfASharedFile has a second descriptor for the file, as an
// inherited listener has in another process.
func TestRemoveEndsTheWatchOfASharedFile(t *testing.T) {
	k := &sys.Linux{}
	for _, tt := range pollers {
		t.Run(tt.name, func(t *testing.T) {
			p := newPoller(t, tt.make, k)
			dialled, fd := connection(t, k)
			defer k.Close(dialled)
			shared, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close(shared)
			add(t, p, fd, 1, Writable)
			p.Remove(fd)
			k.Close(fd)
			wantEvents(t, p)
		})
	}
}

func TestHangUpAndErrorAreReportedUnasked(t *testing.T) {
	onEach(t, func(t *testing.T, k sys.Kernel, p Poller) {
		dialled, fd := connection(t, k)
		defer p.CloseFD(fd)
		add(t, p, fd, 1, Readable)
		k.SetsockoptLinger(dialled, &unix.Linger{Onoff: 1})
		k.Close(dialled) // a reset
		want := Readable | HangUp | Error
		if _, ok := p.(*selectPoller); ok {
			want = Readable // all that select can report
		}
		wantEvents(t, p, Event{int32(fd), 1, want})
	})
}
