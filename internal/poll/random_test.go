//go:build linux

package poll

import (
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/sys/sim"
)

// TestPollersReportWhatTheKernelKnows makes random calls, and compares every Wait with what
// the simulated kernel knows of the watched descriptors.
func TestPollersReportWhatTheKernelKnows(t *testing.T) {
	for _, tt := range pollers {
		t.Run(tt.name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				k := sim.New(nil)
				p, errno := tt.make(k)
				if errno != 0 {
					r.Fatal(errno)
				}
				interests := map[int]Conditions{} // of the watched descriptors
				dialled := map[int]int{}          // the other ends of all connections
				for range 3 {
					other, fd := connection(t, k)
					dialled[fd] = other
				}
				tag := uint32(0)
				for range rapid.IntRange(1, 60).Draw(r, "calls") {
					if len(dialled) == 0 {
						break
					}
					fd := rapid.SampledFrom(slices.Sorted(maps.Keys(dialled))).Draw(r, "descriptor")
					interest := Conditions(rapid.IntRange(0, int(Readable|Writable)).Draw(r, "interest"))
					_, watched := interests[fd]
					switch rapid.IntRange(0, 6).Draw(r, "call") {
					case 0, 1:
						tag++
						set := p.Add
						if watched {
							set = p.Modify
						}
						if errno := set(fd, tag, interest); errno != 0 {
							r.Fatal(errno)
						}
						interests[fd] = interest
					case 2:
						if watched {
							p.Remove(fd)
							delete(interests, fd)
						}
					case 3:
						p.CloseFD(fd)
						delete(interests, fd)
						delete(dialled, fd)
					case 4:
						k.Send(dialled[fd], []byte("x"), unix.MSG_NOSIGNAL)
					case 5:
						k.Recv(fd, make([]byte, 100), 0)
					case 6:
						k.Shutdown(dialled[fd], unix.SHUT_WR)
					}
					wantReady(r, k, p, interests)
				}
			})
		})
	}
}

// wantReady compares the events of a Wait with the conditions of the watched descriptors.
func wantReady(t *rapid.T, k *sim.Kernel, p Poller, interests map[int]Conditions) {
	want := map[int32]Conditions{}
	for fd, interest := range interests {
		now := Conditions(k.Ready(fd))
		ready := now & (interest | HangUp | Error)
		if _, ok := p.(*selectPoller); ok {
			ready = 0
			if interest.Has(Readable) && now.Has(Readable|HangUp|Error) {
				ready |= Readable
			}
			if interest.Has(Writable) && now.Has(Writable|Error) {
				ready |= Writable
			}
		}
		if ready != 0 {
			want[int32(fd)] = ready
		}
	}
	events, errno := p.Wait(0)
	if errno != 0 {
		t.Fatal(errno)
	}
	got := map[int32]Conditions{}
	for _, ev := range events {
		got[ev.FD] = ev.Ready
	}
	if len(got) != len(events) || !maps.Equal(got, want) {
		t.Fatalf("got %v, want %v", events, want)
	}
}
