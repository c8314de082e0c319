package server

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
)

// TestSnapshotTellsOfTheDrainFromItsFirstMoment: whoever asks whether the
// service is ready must hear no before the first listener closes.
func TestSnapshotTellsOfTheDrainFromItsFirstMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := all("fake")
		e.setup = func(s *fakeServer) { s.busy = true }
		cfg := config(t, "tcp://127.0.0.1:80 udp://127.0.0.1:7", e)
		cfg.DrainTimeout = time.Minute
		began := time.Now()
		s, err := mustPlan(t, cfg).Bind()
		if err != nil {
			t.Fatal(err)
		}
		signals, ended := make(chan os.Signal, 2), make(chan error, 1)
		go func() { ended <- s.Run(t.Context(), signals) }()
		synctest.Wait()
		got := s.Snapshot()
		if got.Draining || !got.Started.Equal(began) || len(got.Engines) != 1 {
			t.Fatalf("at work: got draining %v, started %v, %d engines; want false, %v, 1", got.Draining, got.Started, len(got.Engines), began)
		}
		if got.Limits.MaxMemory != engine.DefaultMaxMemory || got.Limits.MaxConns == 0 {
			t.Errorf("got limits %+v, want those in force", got.Limits)
		}
		if one := got.Engines[0]; one.Engine != "fake" || len(one.Listeners) != 2 {
			t.Errorf("got engine %s with %v, want fake with both listeners", one.Engine, one.Listeners)
		}
		signals <- syscall.SIGTERM
		synctest.Wait()
		if !s.Snapshot().Draining {
			t.Error("during the drain: got draining false, want true")
		}
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// TestPeersAreRankedAcrossEngines: the busiest of one may be nobody beside those
// of another.
func TestPeersAreRankedAcrossEngines(t *testing.T) {
	slow, fast := all("slow"), all("fast")
	slow.setup = func(s *fakeServer) {
		s.peers = []engine.Peer{{ID: 1, BytesIn: 1}, {ID: 2, Owed: 1, Waiting: time.Hour}}
	}
	fast.setup = func(s *fakeServer) { s.peers = []engine.Peer{{ID: 3, BytesIn: 9}, {ID: 4, BytesIn: 8}} }
	s, err := mustPlan(t, config(t, "tcp://127.0.0.1:80 tcp://127.0.0.1:81?engine=fast", slow, fast)).Bind()
	if err != nil {
		t.Fatal(err)
	}
	peers, err := s.Peers(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, p := range peers {
		got = append(got, p.ID)
	}
	if want := []uint64{3, 4, 2}; !slices.Equal(got, want) {
		t.Errorf("got streams %v, want %v: the two that moved most, and the one that waits", got, want)
	}
}
