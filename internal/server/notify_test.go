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

// manager is a service manager whose queue is full until a test sets receives. Until then
// each attempt takes a second, as the real one may.
type manager struct {
	mu       sync.Mutex
	receives bool
	stuck    bool // an attempt takes an hour
	received []string
	failed   []string
}

func (m *manager) notify(state string) error {
	m.mu.Lock()
	receives, stuck := m.receives, m.stuck
	m.mu.Unlock()
	if stuck {
		time.Sleep(time.Hour)
	}
	if !receives {
		time.Sleep(time.Second)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !receives {
		m.failed = append(m.failed, state)
		return os.ErrDeadlineExceeded
	}
	m.received = append(m.received, state)
	return nil
}

func (m *manager) set(receives bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.receives = receives
}

// TestManagerThatReceivesNothingDelaysNoDrain: the drain starts at once, and the end waits
// for the last state for notifyTimeout only.
func TestManagerThatReceivesNothingDelaysNoDrain(t *testing.T) {
	for _, manager := range []*manager{{}, {stuck: true}} {
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
				t.Errorf("stuck %v: the drain has not started at once", manager.stuck)
			}
			if err := <-ended; err != nil || time.Since(began) > notifyTimeout {
				t.Errorf("stuck %v: got %v after %v, want nil within %v", manager.stuck, err, time.Since(began), notifyTimeout)
			}
			time.Sleep(2 * time.Hour) // for the goroutine that is stuck
		})
	}
}

// TestStateIsSentUntilTheManagerReceivesIt: READY=1 is sent again, WATCHDOG=1 is not, and
// STOPPING=1 replaces a READY=1 that was not received.
func TestStateIsSentUntilTheManagerReceivesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var manager manager
		var log journal
		n := newNotifier(manager.notify, log.log())
		n.post(ready)
		n.feedWatchdog()
		n.feedWatchdog()
		time.Sleep(time.Minute)
		n.feedWatchdog()
		manager.set(true)
		time.Sleep(time.Minute)
		manager.set(false)
		n.feedWatchdog() // it is not sent again
		time.Sleep(time.Minute)
		manager.set(true)
		n.post(ready)
		n.post(stopping)
		n.end()
		if diff := cmp.Diff([]string{ready, alive, stopping}, manager.received); diff != "" {
			t.Errorf("received (-want +got)\n%s", diff)
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

func TestNotifierWithoutManagerDoesNothing(t *testing.T) {
	n := newNotifier(nil, slog.New(slog.DiscardHandler))
	n.post(ready)
	n.feedWatchdog()
	n.end()
}

func TestEndDoesNotWaitIfSendingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotifier(func(string) error { return errors.New("no such file") }, slog.New(slog.DiscardHandler))
		n.post(ready)
		synctest.Wait()
		began := time.Now()
		n.post(stopping)
		n.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v, want 0", took)
		}
	})
}
