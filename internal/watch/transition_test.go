package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hook records calls of Config.OnChange, which take a time.
type hook struct {
	began   time.Time
	takes   time.Duration
	failure error

	mu         sync.Mutex
	calls      []string
	now, most  int
	perAddress map[string]int
}

func (h *hook) call(ctx context.Context, t Transition) error {
	h.mu.Lock()
	h.calls = append(h.calls, fmt.Sprintf("%v %s %s up %v %s since %v", time.Since(h.began).Truncate(time.Second), t.Target, t.Address, t.Up, t.Class, t.Since.Sub(h.began).Truncate(time.Second)))
	h.now++
	h.most = max(h.most, h.now)
	if h.perAddress == nil {
		h.perAddress = make(map[string]int)
	}
	h.perAddress[t.Address]++
	if h.perAddress[t.Address] > 1 {
		h.calls = append(h.calls, "two calls at once for "+t.Address)
	}
	h.mu.Unlock()
	defer func() { h.mu.Lock(); h.now--; h.perAddress[t.Address]--; h.mu.Unlock() }()
	select {
	case <-time.After(h.takes):
		return h.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hook) taken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = nil
	return calls
}

func hooked(t *testing.T, f *network, h *hook, urls ...string) *watching {
	c := f.config(t, urls...)
	h.began, c.OnChange = f.began, h.call
	return f.watch(t, c)
}

func TestTransitionsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork("10.0.0.1", "10.0.0.2"), new(hook)
		f.kill("b:7")
		w := hooked(t, f, h, name, "tcp://b:7")
		w.until(5500 * time.Millisecond)
		want := []string{"3s tcp://b:7 b:7 up false refused since 1s"} // the first answers of the others are none
		if diff := cmp.Diff(want, h.taken()); diff != "" {
			t.Errorf("calls at the start (-want +got)\n%s", diff)
		}
		f.kill("10.0.0.1:7")
		w.until(10500 * time.Millisecond)
		f.revive("10.0.0.1:7")
		w.until(12500 * time.Millisecond)
		want = []string{"8s dns+tcp://echo:7 10.0.0.1:7 up false refused since 6s", "11s dns+tcp://echo:7 10.0.0.1:7 up true refused since 11s"}
		if diff := cmp.Diff(want, h.taken()); diff != "" {
			t.Errorf("calls (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{CallOK: 3}, w.Snapshot().Calls); diff != "" {
			t.Errorf("results (-want +got)\n%s", diff)
		}
	})
}

// TestTransitionsAreReportedWhileAnAddressFlaps: the log has no lines of them.
func TestTransitionsAreReportedWhileAnAddressFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork(), new(hook)
		w := hooked(t, f, h, "tcp://a:7")
		for i := range 10 {
			w.until(time.Duration(10*i)*time.Second + 2500*time.Millisecond)
			f.kill("a:7")
			w.until(time.Duration(10*i)*time.Second + 7500*time.Millisecond)
			f.revive("a:7")
		}
		w.until(102 * time.Second)
		if n := len(h.taken()); n != 20 {
			t.Errorf("got %d calls, want 20", n)
		}
	})
}

// TestSlowCallGetsTheNewestTransitionNext: in 25 s, the address goes down, up, down and up.
func TestSlowCallGetsTheNewestTransitionNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork(), &hook{takes: 25 * time.Second, failure: errors.New("exit status 1")}
		w := hooked(t, f, h, "tcp://a:7")
		for i := range 2 {
			w.until(time.Duration(10*i)*time.Second + 2500*time.Millisecond)
			f.kill("a:7")
			w.until(time.Duration(10*i)*time.Second + 7500*time.Millisecond)
			f.revive("a:7")
		}
		w.until(time.Minute)
		want := []string{"5s tcp://a:7 a:7 up false refused since 3s", "30s tcp://a:7 a:7 up true refused since 18s"}
		if diff := cmp.Diff(want, h.taken()); diff != "" {
			t.Errorf("calls (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{CallFailed: 2, CallReplaced: 2}, w.Snapshot().Calls); diff != "" {
			t.Errorf("results (-want +got)\n%s", diff)
		}
		lines := w.taken()
		for _, line := range []string{"command of --on-change failed target=tcp://a:7 address=a:7 up=false", "command of --on-change failed target=tcp://a:7 address=a:7 up=true"} {
			if !slices.Contains(lines, line) {
				t.Errorf("the log lacks %q:\n%q", line, lines)
			}
		}
	})
}

// TestCallsAreLimitedInNumberAndTime: 40 addresses go down at once, and the calls hang.
func TestCallsAreLimitedInNumberAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork(), &hook{takes: time.Hour}
		var urls []string
		for i := range 40 {
			urls = append(urls, fmt.Sprintf("tcp://a%d:7", i))
			f.kill(fmt.Sprintf("a%d:7", i))
		}
		w := hooked(t, f, h, urls...)
		w.until(5 * time.Second)
		if n := len(h.taken()); n != MaxCalls {
			t.Errorf("got %d calls at first, want %d", n, MaxCalls)
		}
		w.until(5*time.Second + 3*CallTimeout)
		if n := len(h.taken()); n != 40-MaxCalls || h.most != MaxCalls || w.Snapshot().Calls[CallTimedOut] != 40 {
			t.Errorf("got %d calls later and %d at once, and the results %v, want %d, %d and 40 timeouts", n, h.most, w.Snapshot().Calls, 40-MaxCalls, MaxCalls)
		}
	})
}

// TestTransitionsOfARemovedTargetAreDropped, except those whose calls run: 40 addresses go
// down, and the calls hang.
func TestTransitionsOfARemovedTargetAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork(), &hook{takes: time.Hour}
		var urls []string
		for i := range 40 {
			urls = append(urls, fmt.Sprintf("tcp://a%d:7", i))
			f.kill(fmt.Sprintf("a%d:7", i))
		}
		w := hooked(t, f, h, urls...)
		w.until(5 * time.Second)
		w.changes <- List{Targets: []Target{mustParse(t, "tcp://b:7")}}
		w.until(5*time.Second + 2*CallTimeout)
		if n := len(h.taken()); n != MaxCalls || w.Snapshot().Calls[CallTimedOut] != MaxCalls {
			t.Errorf("got %d calls with the results %v, want only the %d that ran", n, w.Snapshot().Calls, MaxCalls)
		}
	})
}

// TestEndOfAWatchEndsItsCalls: the bubble would not end if one went on.
func TestEndOfAWatchEndsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h := newNetwork(), &hook{takes: time.Hour}
		f.kill("a:7")
		w := hooked(t, f, h, "tcp://a:7")
		w.until(5 * time.Second)
		w.stop()
		if len(h.taken()) != 1 || h.now != 0 {
			t.Errorf("%d calls run, want that the only one has ended", h.now)
		}
	})
}
