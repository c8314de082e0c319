package gonet

import (
	"context"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"echod/internal/engine"
)

// TestWaitingIsTheTimeInWhichNoOwedByteMoved runs on a fake clock and on a pipe, which
// takes bytes only as they are read.
func TestWaitingIsTheTimeInWhichNoOwedByteMoved(t *testing.T) {
	const tick, sweep = longestTick, timeout / checksPerTimeout
	synctest.Test(t, func(t *testing.T) {
		s, conn := servePipe(engine.Config{StallTimeout: timeout})
		time.Sleep(tick / 2) // so that every check is between two ticks
		check := func(what string, in, out uint64, waiting time.Duration) {
			t.Helper()
			synctest.Wait()
			want := []engine.Peer{{Network: "unix", BytesIn: in, BytesOut: out, Owed: in - out, Waiting: waiting}}
			got, err := s.Peers(t.Context(), 5)
			if diff := diffPeers(want, got); diff != "" || err != nil {
				t.Errorf("%s: peers (-want +got), error %v:\n%s", what, err, diff)
			}
		}
		check("before a byte", 0, 0, 0)
		conn.Write([]byte("echo"))
		check("none of it read", 4, 0, 0)
		time.Sleep(3 * tick)
		check("for three ticks", 4, 0, 3*tick)
		io.ReadFull(conn, make([]byte, 1))
		check("one byte read, before the next check", 4, 0, 3*tick)
		time.Sleep(sweep - 3*tick) // the next check
		check("after the check", 4, 1, 0)
		time.Sleep(2 * tick)
		check("no byte read for two ticks", 4, 1, 2*tick)
		io.ReadFull(conn, make([]byte, 3))
		check("all read", 4, 4, 0)
		time.Sleep(24 * time.Hour)
		check("silent since then", 4, 4, 0)
		conn.Close()
		synctest.Wait()
		if got, err := s.Peers(t.Context(), 5); len(got) > 0 || err != nil {
			t.Errorf("after the end: got %v and %v, want none", got, err)
		}
		s.Shutdown(context.Background())
	})
}

// TestBytesAreCountedOnce checks the sum while streams are open and after one is closed.
func TestBytesAreCountedOnce(t *testing.T) {
	s := serve(t, "tcp", engine.Config{})
	message := []byte("echo")
	first, second := dial(t, s), dial(t, s)
	roundTrip(t, first, message, make([]byte, 4))
	roundTrip(t, second, message, make([]byte, 4))
	sum := func() [2]uint64 { st := s.Stats(); return [2]uint64{st.BytesIn, st.BytesOut} }
	if got, want := sum(), [2]uint64{8, 8}; got != want {
		t.Errorf("two open: got %d in and out, want %d", got, want)
	}
	first.Close()
	eventually(t, func() bool { return s.Stats().Active == 1 }, "one is closed")
	if got, want := sum(), [2]uint64{8, 8}; got != want {
		t.Errorf("one open, one closed: got %d in and out, want %d", got, want)
	}
}

// diffPeers compares everything but IDs.
func diffPeers(want, got []engine.Peer) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(engine.Peer{}, "ID"),
		cmpopts.EquateComparable(netip.AddrPort{}))
}

// BenchmarkStatsAndPeers measures snapshots of 15,000 streams.
func BenchmarkStatsAndPeers(b *testing.B) {
	s := newServer(engine.Config{}.WithDefaults())
	for i := range 15_000 {
		c := s.newConn(&fakePeer{}, nil)
		c.in.Store(uint64(i * 7919 % 15_000))
		s.conns[c] = struct{}{}
	}
	b.Run("peers", func(b *testing.B) {
		for b.Loop() {
			s.Peers(b.Context(), 10)
		}
	})
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			s.Stats()
		}
	})
}
