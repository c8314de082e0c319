package server

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func TestOneBadListenerLeavesNothingRunning(t *testing.T) {
	good, bad := all("good"), all("bad")
	bad.newErr = errBroken
	p := mustPlan(t, config(t, "tcp://127.0.0.1:0 tcp://127.0.0.1:0?engine=bad", good, bad))
	if err := p.Run(t.Context(), nil); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	if !good.servers[0].isClosed() {
		t.Error("the other server is still there")
	}
}

func TestEnginesGetOnlyWhatTheyKnow(t *testing.T) {
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

// start runs a plan in a bubble of synctest, where time passes only when
// everybody waits.
func start(t *testing.T, cfg Config) (signals chan os.Signal, ended <-chan error) {
	t.Helper()
	signals, done := make(chan os.Signal, 2), make(chan error, 1)
	p := mustPlan(t, cfg)
	go func() { done <- p.Run(context.Background(), signals) }()
	synctest.Wait()
	return signals, done
}

func TestSignalDrainsAndSaysHowItWent(t *testing.T) {
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

// TestSecondSignalEndsTheDrainAtOnce: a drain that would take an hour takes no
// time after another signal.
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

func TestBrokenEngineEndsTheService(t *testing.T) {
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

func TestWatchdogIsFedOnlyWhileLoopsTurn(t *testing.T) {
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

func TestServiceManagerThatDoesNotListenIsNoReasonToStop(t *testing.T) {
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
