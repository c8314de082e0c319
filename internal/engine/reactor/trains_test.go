//go:build linux

package reactor

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"echod/internal/echo"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// A message is a train of datagrams. Each of them is answered as a datagram of its own.
func TestEachDatagramOfATrainIsAnswered(t *testing.T) {
	tests := []struct {
		name          string
		size, segment int
		want          int // answers
	}{
		{"one byte each", 100, 1, 100},
		{"more than a train may have", 1000, 1, 1000},
		{"a short last one", 1472*3 + 1, 1472, 4},
		{"the last one is full", 1472 * 4, 1472, 4},
		{"two of the largest size", 65_507, 40_000, 2},
		{"one that fills the segment", 100, 100, 1},
		{"one shorter than the segment", 99, 100, 1},
		{"the largest datagram", 65_507, 0, 1},
		{"an empty datagram", 0, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			sent := sendTrain(t, k, s, "127.0.0.1:40000", tt.size, tt.segment)
			s.iterate(t)
			wantAnswers(t, k, s, sent)
			if got := s.Stats(); len(sent) != tt.want || got.DatagramsIn != uint64(tt.want) || got.DatagramsOut != uint64(tt.want) {
				t.Errorf("got %d in, %d out, want %d", got.DatagramsIn, got.DatagramsOut, tt.want)
			}
			wantNoViolations(t, k)
		})
	}
}

// Answers leave as one message if they have the same size, peer and address. A shorter one ends
// a train.
func TestConsecutiveAnswersToAPeerLeaveAsATrain(t *testing.T) {
	type message struct{ size, segment int }
	tests := []struct {
		name     string
		received []message
		want     []message
	}{
		{"a train", []message{{640, 64}}, []message{{640, 64}}},
		{"datagrams of a size", []message{{64, 0}, {64, 0}, {64, 0}}, []message{{192, 64}}},
		{"a short last one", []message{{64, 0}, {64, 0}, {1, 0}, {64, 0}}, []message{{129, 64}, {64, 0}}},
		{"longer ones", []message{{1, 0}, {2, 0}, {3, 0}}, []message{{1, 0}, {2, 0}, {3, 0}}},
		{"empty ones", []message{{0, 0}, {0, 0}, {64, 0}, {0, 0}}, []message{{0, 0}, {0, 0}, {64, 0}, {0, 0}}},
		{"a train and what is left of the next", []message{{130, 64}, {64, 0}}, []message{{130, 64}, {64, 0}}},
		{"more than 64", []message{{60, 1}, {10, 1}}, []message{{64, 1}, {6, 1}}},
		{"more than fits a packet", []message{{65_000, 1300}, {13_000, 1300}}, []message{{65_000, 1300}, {13_000, 1300}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			for _, m := range tt.received {
				sendTrain(t, k, s, "127.0.0.1:40000", m.size, m.segment)
			}
			s.iterate(t)
			var got []message
			for _, m := range k.SentMessages(port(s)) {
				got = append(got, message{len(m.Payload), m.Segment})
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(message{})); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// The errors of trains that are too large for the path, of devices that cannot send them, and
// all others: the datagrams are sent, and no train of that size for a second.
func TestATrainThatCannotBeSentIsSentAsDatagrams(t *testing.T) {
	for _, errno := range []sys.Errno{unix.EINVAL, unix.EMSGSIZE, unix.EIO, unix.EOPNOTSUPP, unix.EPERM, unix.ENOBUFS, unix.ENOMEM} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			k := sim.New(nil)
			s := datagramServer(t, k, Epoll, "127.0.0.1:0")
			batch := func(size, segment int, fail bool) (messages int) {
				t.Helper()
				k.Fault = func(call sim.Call) sys.Errno {
					if call == sim.Sendmmsg && fail {
						fail = false
						return errno
					}
					return 0
				}
				sent := sendTrain(t, k, s, "127.0.0.1:40000", size, segment)
				s.iterate(t)
				answers := k.SentMessages(port(s))
				var got []sim.Datagram
				for _, m := range answers {
					got = append(got, splitTrain(m)...)
				}
				if diff := cmp.Diff(answersTo(sent), got, compareAddrs); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				return len(answers)
			}
			wantMessages := func(what string, got, want int) {
				t.Helper()
				if got != want {
					t.Errorf("%s: got %d messages, want %d", what, got, want)
				}
			}
			wantMessages("the train that fails", batch(1000, 100, true), 10)
			wantMessages("the next of that size", batch(1000, 100, false), 10)
			wantMessages("a larger size", batch(2000, 200, false), 10)
			wantMessages("a smaller size", batch(990, 99, false), 1)
			k.Advance(time.Second)
			wantMessages("a second later", batch(1000, 100, false), 1)
			if got := s.Stats(); got.DatagramsIn != 50 || got.DatagramsOut != 50 {
				t.Errorf("got %d in, %d out, want 50", got.DatagramsIn, got.DatagramsOut)
			}
		})
	}
}

// If its datagrams cannot be sent either, the train was not the cause.
func TestTrainsToARefusedPeerAreCountedAndStillTried(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	k.Fault = func(call sim.Call) sys.Errno {
		if call == sim.Sendmmsg {
			return unix.EPERM
		}
		return 0
	}
	sendTrain(t, k, s, "127.0.0.1:40000", 1000, 100)
	s.iterate(t)
	if got := s.Stats(); got.DatagramsOut != 0 || got.Drops[echo.DropRefused] != 10 {
		t.Errorf("got %d out, %d refused; want 0, 10", got.DatagramsOut, got.Drops[echo.DropRefused])
	}
	k.Fault = nil
	sendTrain(t, k, s, "127.0.0.1:40000", 1000, 100)
	s.iterate(t)
	if got := len(k.SentMessages(port(s))); got != 1 {
		t.Errorf("got %d messages, want a train", got)
	}
}

func TestNoTrainIsLargerThanThePath(t *testing.T) {
	k := sim.New(nil)
	k.MTU = 1300
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	sent := sendTrain(t, k, s, "127.0.0.1:40000", 4200, 1400)
	sent = append(sent, sendTrain(t, k, s, "127.0.0.1:40000", 3600, 1200)...)
	s.iterate(t)
	wantAnswers(t, k, s, sent)
}

// Before Linux 4.18 the kernel ignores UDP_SEGMENT, and would send one large datagram.
func TestAKernelWithoutTrainsGetsNone(t *testing.T) {
	k := sim.New(nil)
	k.NoTrains = true
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	sent := sendTrain(t, k, s, "127.0.0.1:40000", 1000, 100)
	s.iterate(t)
	wantAnswers(t, k, s, sent)
}

// A rate may end in the middle of a train, and a loop may begin there.
func TestTheGuardChecksEachDatagramOfATrain(t *testing.T) {
	k := sim.New(nil)
	rate := echo.Rate{Packets: 7}
	s := guardedServer(t, k, Epoll, "[::]:0", echo.NewGuard(echo.GuardConfig{PerPrefix: rate}))
	sent := sendTrain(t, k, s, "192.0.2.1:40000", 1000, 100)
	forbidden := sendTrain(t, k, s, "127.0.0.1:7", 1000, 100)
	last := sendTrain(t, k, s, "192.0.3.1:40000", 250, 100)
	s.iterate(t)
	wantAnswers(t, k, s, slices.Concat(sent[:7], last))
	got := s.Stats()
	if got.DatagramsIn != 23 || got.DatagramsOut != 10 || got.Drops[echo.DropPrefixRate] != 3 || got.Drops[echo.DropLowPort] != uint64(len(forbidden)) {
		t.Errorf("got %d in, %d out, drops %v; want 23, 10, 3 above the rate and 10 from a low port", got.DatagramsIn, got.DatagramsOut, got.Drops)
	}
}

func TestATruncatedTrainIsCountedAndNotAnswered(t *testing.T) {
	k := sim.New(nil)
	s := datagramServer(t, k, Epoll, "127.0.0.1:0")
	sendTrain(t, k, s, "127.0.0.1:40000", datagramBuffer+1, datagramBuffer/4)
	s.iterate(t)
	if got := s.Stats(); got.DatagramsIn != 4 || got.DatagramsOut != 0 || got.Drops[echo.DropTruncated] != 4 {
		t.Errorf("got %d in, %d out, %d truncated; want 4, 0, 4", got.DatagramsIn, got.DatagramsOut, got.Drops[echo.DropTruncated])
	}
}

// Any messages of several peers, with any path and any faults: each answer equals one datagram,
// in the order of its peer, and each datagram is answered or counted.
func TestAnyTrainsAreAnsweredInOrderOrCounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := sim.New(nil)
		k.MTU = rapid.SampledFrom([]int{0, 60, 1300}).Draw(rt, "mtu")
		s := openDatagramServer(rt, k, Epoll, "[::]:0", nil)
		defer s.close()
		faults := rapid.IntRange(0, 3).Draw(rt, "faults")
		errno := rapid.SampledFrom([]sys.Errno{unix.EPERM, unix.EINVAL, unix.EAGAIN, unix.EINTR, unix.ENOMEM}).Draw(rt, "errno")
		limit := rapid.IntRange(1, 64).Draw(rt, "messages of a call")
		sends := 0
		k.Choose = func(call sim.Call) byte {
			if call == sim.Sendmmsg {
				return sim.Short(limit)
			}
			return 0
		}
		k.Fault = func(call sim.Call) sys.Errno {
			if call != sim.Sendmmsg {
				return 0
			}
			if sends++; sends%2 == 0 && faults > 0 {
				faults--
				return errno
			}
			return 0
		}
		faulty := faults > 0
		peers := []string{"127.0.0.1:40000", "127.0.0.1:40001", "[::1]:40000", "127.0.0.1:7"}
		want := map[netip.AddrPort][]sim.Datagram{}
		in, forbidden := 0, 0
		for range rapid.IntRange(1, 100).Draw(rt, "messages") {
			from := rapid.SampledFrom(peers).Draw(rt, "from")
			segment := rapid.SampledFrom([]int{0, 1, 2, 60, 1400}).Draw(rt, "segment")
			size := rapid.SampledFrom([]int{0, 1, 2, 3, 60, 61, 150, 1400, 4200}).Draw(rt, "size")
			sent := sendTrain(rt, k, s, from, size, segment)
			in += len(sent)
			if from == peers[3] {
				forbidden += len(sent)
				continue
			}
			want[sent[0].From] = append(want[sent[0].From], sent...)
		}
		for range 3 {
			s.iterate(rt)
		}
		got := map[netip.AddrPort][]sim.Datagram{}
		for _, a := range k.Answers(port(s)) {
			got[a.To] = append(got[a.To], a)
		}
		stats := s.Stats()
		dropped := uint64(0)
		for _, n := range stats.Drops {
			dropped += n
		}
		if stats.DatagramsIn != uint64(in) || stats.DatagramsOut+dropped != uint64(in) || stats.Drops[echo.DropLowPort] != uint64(forbidden) {
			rt.Fatalf("got %d in, %d out, drops %v; want %d in, all answered or counted, %d from a low port", stats.DatagramsIn, stats.DatagramsOut, stats.Drops, in, forbidden)
		}
		out := uint64(0)
		for from, sent := range want {
			out += uint64(len(got[from]))
			rest := answersTo(sent)
			for _, a := range got[from] {
				i := slices.IndexFunc(rest, func(d sim.Datagram) bool { return d.From == a.From && bytes.Equal(d.Payload, a.Payload) })
				if i < 0 {
					rt.Fatalf("an answer of %d bytes to %v, which is not one of its datagrams in their order", len(a.Payload), from)
				}
				rest = rest[i+1:]
			}
			if !faulty && len(got[from]) != len(sent) {
				rt.Fatalf("got %d answers to %v, want %d", len(got[from]), from, len(sent))
			}
		}
		if out != stats.DatagramsOut {
			rt.Fatalf("got %d answers, %d counted", out, stats.DatagramsOut)
		}
		for _, v := range k.Violations() {
			rt.Error(v)
		}
	})
}

// sendTrain sends the server one message of size random bytes, and returns its datagrams.
func sendTrain(t rapid.TB, k *sim.Kernel, s *steppedServer, from string, size, segment int) []sim.Datagram {
	t.Helper()
	peer := netip.MustParseAddrPort(from)
	to := netip.MustParseAddr("127.0.0.1")
	if peer.Addr().Is6() {
		to = netip.IPv6Loopback()
	}
	payload := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(peer.Port())}).Read(payload)
	train := sim.Datagram{From: peer, To: netip.AddrPortFrom(to, port(s)), Payload: payload, Segment: segment}
	if !k.Deliver(train) {
		t.Fatal("a train was not delivered")
	}
	return splitTrain(train)
}

func splitTrain(d sim.Datagram) (all []sim.Datagram) {
	if d.Segment == 0 || len(d.Payload) == 0 {
		d.Segment = 0
		return []sim.Datagram{d}
	}
	for payload := range slices.Chunk(d.Payload, d.Segment) {
		all = append(all, sim.Datagram{From: d.From, To: d.To, Payload: payload})
	}
	return all
}

func wantAnswers(t *testing.T, k *sim.Kernel, s *steppedServer, sent []sim.Datagram) {
	t.Helper()
	if diff := cmp.Diff(answersTo(sent), k.Answers(port(s)), compareAddrs); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
