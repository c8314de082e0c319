package server

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
)

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func TestEngineThatFailsLeavesNoServerRunning(t *testing.T) {
	good, bad := all("good"), all("bad")
	bad.newErr = errBroken
	p := mustPlan(t, config(t, "tcp://127.0.0.1:0 tcp://127.0.0.1:0?engine=bad", good, bad))
	if err := p.Run(t.Context(), nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	if !good.servers[0].isClosed() {
		t.Error("the other server is still open")
	}
}

func TestEnginesGetOnlySettingsThatTheyUse(t *testing.T) {
	knows, plain := all("knows"), all("plain")
	plain.caps.Loops, plain.caps.BusyPoll = false, false
	cfg := config(t, "tcp://127.0.0.1:0 tcp://127.0.0.1:0?engine=plain", knows, plain)
	cfg.Settings.Loops, cfg.Settings.BusyPoll = 2, time.Second
	if _, err := mustPlan(t, cfg).bind(); err != nil {
		t.Fatal(err)
	}
	if knows.got.Loops != 2 || knows.got.BusyPoll != time.Second {
		t.Errorf("the engine that knows them got %d loops, %v", knows.got.Loops, knows.got.BusyPoll)
	}
	if plain.got.Loops != 0 || plain.got.BusyPoll != 0 {
		t.Errorf("the plain engine got %d loops, %v", plain.got.Loops, plain.got.BusyPoll)
	}
	if knows.got.Budget != plain.got.Budget || knows.got.Guard != plain.got.Guard {
		t.Error("the engines do not share one budget and one guard")
	}
}

// start runs a plan under synctest, where time passes only when all goroutines wait.
func start(t *testing.T, cfg Config) (signals chan os.Signal, ended <-chan error) {
	t.Helper()
	signals, done := make(chan os.Signal, 2), make(chan error, 1)
	p := mustPlan(t, cfg)
	go func() { done <- p.Run(context.Background(), signals) }()
	synctest.Wait()
	return signals, done
}

func TestSignalDrainsAndTheResultIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := all("fake")
		e.setup = func(s *fakeServer) { s.busy = true }
		cfg := config(t, "tcp://127.0.0.1:80", e)
		var log, manager journal
		cfg.Log, cfg.Notify, cfg.DrainTimeout = log.log(), manager.notify, 30*time.Second
		signals, ended := start(t, cfg)
		signals <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		wantLog := []string{
			"msg=listening url=tcp://127.0.0.1:80 engine=fake",
			"msg=draining signal=terminated timeout=30s",
			"msg=drained closed=3 reset=2 took=30s",
		}
		if diff := cmp.Diff(wantLog, lines(log.String())); diff != "" {
			t.Errorf("log (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{"READY=1", "STOPPING=1"}, lines(manager.String())); diff != "" {
			t.Errorf("service manager (-want +got)\n%s", diff)
		}
	})
}

func TestSecondSignalEndsTheDrainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := all("fake")
		e.setup = func(s *fakeServer) { s.busy = true }
		cfg := config(t, "tcp://127.0.0.1:80", e)
		cfg.DrainTimeout = time.Hour
		signals, ended := start(t, cfg)
		began := time.Now()
		signals <- syscall.SIGTERM
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("the first signal ended it: %v", err)
		default:
		}
		signals <- syscall.SIGINT
		if err := <-ended; err != nil || time.Since(began) != 0 {
			t.Errorf("got %v after %v, want nil at once", err, time.Since(began))
		}
	})
}

func TestEngineThatFailsEndsTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, busy := all("broken"), all("busy")
		broken.setup = func(s *fakeServer) { s.serveErr = errBroken }
		busy.setup = func(s *fakeServer) { s.busy = true }
		cfg := config(t, "tcp://127.0.0.1:0 tcp://127.0.0.1:0?engine=busy", broken, busy)
		cfg.DrainTimeout = time.Hour
		began := time.Now()
		_, ended := start(t, cfg)
		err := <-ended
		if want := "serve with the broken engine: the poller is gone"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if !busy.servers[0].isClosed() || time.Since(began) != 0 {
			t.Errorf("the other server: closed %v, after %v; want at once", busy.servers[0].isClosed(), time.Since(began))
		}
	})
}

func TestWatchdogIsFedOnlyWhileLoopsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := all("fake")
		cfg := config(t, "tcp://127.0.0.1:80", e)
		var manager journal
		cfg.Notify, cfg.Watchdog = manager.notify, 10*time.Second
		signals, ended := start(t, cfg)
		time.Sleep(11 * time.Second)
		e.servers[0].hangs.Store(true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"}, lines(manager.String())); diff != "" {
			t.Errorf("service manager (-want +got)\n%s", diff)
		}
		signals <- syscall.SIGTERM
		<-ended
	})
}

func TestServiceGoesOnIfNotifyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t, "tcp://127.0.0.1:80", all("fake"))
		cfg.Notify = func(string) error { return errBroken }
		signals, ended := start(t, cfg)
		signals <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

// TestSnapshotIsDrainingFromTheStartOfADrain: a readiness check must fail before the first
// listener closes.
func TestSnapshotIsDrainingFromTheStartOfADrain(t *testing.T) {
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
			t.Fatalf("before the drain: got draining %v, started %v, %d engines; want false, %v, 1", got.Draining, got.Started, len(got.Engines), began)
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

func TestPeersAreSelectedFromAllEngines(t *testing.T) {
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
