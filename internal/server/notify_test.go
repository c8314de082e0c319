package server

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deaf is a service manager whose queue is full until a test opens it: each
// attempt takes a second, as that of the real one may.
type deaf struct {
	mu     sync.Mutex
	hears  bool
	stuck  bool // and an attempt never returns
	heard  []string
	failed []string
}

func (d *deaf) notify(state string) error {
	d.mu.Lock()
	hears, stuck := d.hears, d.stuck
	d.mu.Unlock()
	if stuck {
		time.Sleep(time.Hour)
	}
	if !hears {
		time.Sleep(time.Second)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !hears {
		d.failed = append(d.failed, state)
		return os.ErrDeadlineExceeded
	}
	d.heard = append(d.heard, state)
	return nil
}

func (d *deaf) set(hears bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hears = hears
}

// TestDeafManagerHoldsUpNoSignal: the drain begins at once, and the end waits a
// moment for the last state, no longer.
func TestDeafManagerHoldsUpNoSignal(t *testing.T) {
	for _, manager := range []*deaf{{}, {stuck: true}} {
		synctest.Test(t, func(t *testing.T) {
			e := all("fake")
			cfg := config(t, "tcp://127.0.0.1:80", e)
			cfg.Notify, cfg.Watchdog = manager.notify, 10*time.Second
			signals, ended := start(t, cfg)
			time.Sleep(time.Minute)
			began := time.Now()
			signals <- syscall.SIGTERM
			synctest.Wait()
			if !e.servers[0].isClosed() || time.Since(began) != 0 {
				t.Errorf("stuck %v: the drain has not begun at once", manager.stuck)
			}
			if err := <-ended; err != nil || time.Since(began) > notifyLast {
				t.Errorf("stuck %v: got %v after %v, want nil within %v", manager.stuck, err, time.Since(began), notifyLast)
			}
			time.Sleep(2 * time.Hour) // for the goroutine that was left behind
		})
	}
}

// TestManagerThatListensAgainHearsWhatIsTrueThen: READY=1 is sent until it is
// heard, WATCHDOG=1 once, and STOPPING=1 takes the place of a READY=1 that was not.
func TestManagerThatListensAgainHearsWhatIsTrueThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var manager deaf
		var log journal
		n := newNotifier(manager.notify, log.log())
		n.post(ready)
		n.feed()
		n.feed()
		time.Sleep(time.Minute)
		n.feed()
		manager.set(true)
		time.Sleep(time.Minute)
		manager.set(false)
		n.feed() // which is not sent again
		time.Sleep(time.Minute)
		manager.set(true)
		n.post(ready)
		n.post(stopping)
		n.end()
		if diff := cmp.Diff([]string{ready, alive, stopping}, manager.heard); diff != "" {
			t.Errorf("heard (-want +got)\n%s", diff)
		}
		want := []string{
			`msg="notify failed" state="READY=1" error="i/o timeout"`,
			`msg="notify failed" state="WATCHDOG=1" error="i/o timeout"`,
		}
		if diff := cmp.Diff(want, lines(log.String())); diff != "" {
			t.Errorf("log (-want +got)\n%s", diff)
		}
	})
}

func TestNoManagerIsNotified(t *testing.T) {
	n := newNotifier(nil, slog.New(slog.DiscardHandler))
	n.post(ready)
	n.feed()
	n.end()
}

// TestEndDoesNotWaitForAStateThatNobodyTakes: the socket is gone.
func TestEndDoesNotWaitForAStateThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotifier(func(string) error { return errors.New("no such file") }, slog.New(slog.DiscardHandler))
		n.post(ready)
		synctest.Wait()
		began := time.Now()
		n.post(stopping)
		n.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, want no time", took)
		}
	})
}
