package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/page"
)

// get is what the page answers.
func get(t *testing.T, p *page.Page, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	return w.Result()
}

func body(t *testing.T, p *page.Page, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func state(t *testing.T, p *page.Page) page.State {
	t.Helper()
	var s page.State
	if err := json.Unmarshal([]byte(body(t, p, "/state.json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// echo is a service that echoes 1000 bytes a second, and does a little of all else.
func echo(second uint64) page.Sample {
	return page.Sample{
		Started:   time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		Draining:  second > 5,
		Listeners: []page.Listener{{URL: "tcp://127.0.0.1:7", Engine: "epoll"}, {URL: "udp://127.0.0.1:7", Engine: "epoll"}, {URL: "tls://127.0.0.1:77", Engine: "net"}},
		Traffic: &page.Traffic{
			Active: 3, MaxActive: 100, Held: 4096, MaxHeld: 1 << 20, Accepted: 10 * second,
			BytesIn: 1000 * second, BytesOut: 990 * second, Discarded: 10 * second, DatagramsIn: 50 * second, DatagramsOut: 40 * second,
			Closes:     []page.Count{{Name: "finished", N: 9 * second}, {Name: "idle"}},
			Refused:    []page.Count{{Name: "per-ip", N: second}},
			Accepts:    []page.Count{{Name: "full"}},
			Handshakes: []page.Count{{Name: "ok", N: second}},
			Drops:      []page.Count{{Name: "low-port", N: 10 * second}},
			Loops:      []page.Loop{{Engine: "epoll", Turns: 500 * second, Active: 1}, {Engine: "epoll", Turns: 700 * second, Active: 2}},
		},
	}
}

// peers are four streams, in no order.
func peers(context.Context) ([]page.Peer, error) {
	return []page.Peer{
		{ID: 1, Addr: "192.0.2.1:1", Network: "tcp", BytesIn: 10, BytesOut: 10},
		{ID: 2, Addr: "192.0.2.2:1", Network: "tcp", BytesIn: 500, BytesOut: 400, Owed: 100, Waiting: 2 * time.Second},
		{ID: 3, Network: "unix", BytesIn: 50, BytesOut: 40, Owed: 10, Waiting: 3 * time.Second},
		{ID: 4, Addr: "192.0.2.4:1", Network: "tls", BytesIn: 700, BytesOut: 700},
	}, nil
}

// matrix is a target with an address that answers and one that does not, and one
// without any.
func matrix() *page.Matrix {
	now := time.Now()
	return &page.Matrix{Targets: []page.Target{
		{URL: "dns+tcp://echo.example:7", Addresses: []page.Address{
			{Addr: "192.0.2.1:7", Up: true, Sent: 10, Received: 10, Last: time.Millisecond, P50: time.Millisecond, P99: 2 * time.Millisecond, Max: 2 * time.Millisecond,
				History: []page.Bucket{{At: now.Add(-10 * time.Second), Span: 5 * time.Second, Sent: 5, Min: time.Millisecond, Avg: time.Millisecond, Max: 2 * time.Millisecond}}},
			{Addr: "192.0.2.2:7", Sent: 10, Lost: 10, Class: "refused", Failed: now,
				History: []page.Bucket{{At: now.Add(-10 * time.Second), Span: 5 * time.Second, Sent: 5, Lost: 5}}},
		}},
		{URL: "dns+tcp://gone.example:7", Problem: "no such host"},
	}}
}

// running is a page after so many seconds, in a bubble.
func running(t *testing.T, config page.Config, seconds int) *page.Page {
	t.Helper()
	p := page.New(config)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-over
	})
	time.Sleep(time.Duration(seconds) * time.Second)
	synctest.Wait()
	return p
}

// sampled asks for a sample of second 0, 1, 2 …
func sampled(of func(second uint64) page.Sample) func() page.Sample {
	var second uint64
	return func() page.Sample {
		second++
		return of(second - 1)
	}
}

func TestStateHoldsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Name: "echod serve", Version: "1.2.3", Sample: sampled(echo), Peers: peers, Matrix: matrix}, 12)
		golden(t, "testdata/state.json", indented(t, p))
	})
}

func TestStateOfAnAgent(t *testing.T) {
	acting := func(second uint64) page.Sample {
		began := time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC)
		return page.Sample{Started: began, Agent: &page.Agent{Active: 1, MaxActive: 64, Ends: []page.Count{{Name: "finished", N: second}, {Name: "broken"}},
			Sessions: []page.Session{{ID: "a", Scenario: "half-close-late", Client: "192.0.2.1:5", Started: began, Took: time.Second, Received: 10, Sent: 20}}}}
	}
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Name: "echod agent", Version: "1.2.3", Sample: sampled(acting)}, 2)
		golden(t, "testdata/agent.json", indented(t, p))
	})
}

// indented is /state.json for people.
func indented(t *testing.T, p *page.Page) string {
	t.Helper()
	var text bytes.Buffer
	if err := json.Indent(&text, []byte(body(t, p, "/state.json")), "", "  "); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./internal/page -update writes it anew:\n%s", path, diff)
	}
}

func TestPageIsSampledEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Uint64
		p := running(t, page.Config{Sample: func() page.Sample { return echo(asked.Add(1)) }}, 3)
		if got := asked.Load(); got != 4 {
			t.Errorf("after three seconds it was asked %d times, want once for now and once for each", got)
		}
		before := state(t, p).Traffic.AcceptedTotal
		if again := state(t, p).Traffic.AcceptedTotal; again != before {
			t.Errorf("within a second it told of %d and %d", before, again)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if after := state(t, p).Traffic.AcceptedTotal; after != before+10 {
			t.Errorf("a second later it told of %d, want %d", after, before+10)
		}
	})
}

func TestStreamsAreAskedOnlyWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := running(t, page.Config{Sample: sampled(echo), Peers: func(ctx context.Context) ([]page.Peer, error) {
			asked++
			return peers(ctx)
		}}, 100)
		if asked != 0 {
			t.Errorf("nobody looked, and streams were asked %d times", asked)
		}
		for range 10 {
			body(t, p, "/")
			body(t, p, "/state.json")
		}
		if asked != 1 {
			t.Errorf("ten looked within a second, and streams were asked %d times, want 1", asked)
		}
	})
}

func TestAPageIsThereThoughStreamsDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Sample: sampled(echo), Peers: func(ctx context.Context) ([]page.Peer, error) {
			<-ctx.Done()
			return nil, errors.New("ask a loop: it does not turn")
		}}, 1)
		began := time.Now()
		s := state(t, p)
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("whoever looks waits for %v, want 1s", waited)
		}
		if s.Peers.Problem != "ask a loop: it does not turn" || s.Traffic == nil {
			t.Errorf("got %+v, want the problem and all else", s.Peers)
		}
		if text := body(t, p, "/"); !strings.Contains(text, "Not known: ask a loop: it does not turn") {
			t.Error("the page does not tell the problem")
		}
	})
}

func TestPageBeforeTheFirstSampleIsThere(t *testing.T) {
	p := page.New(page.Config{Name: "echod serve", Sample: sampled(echo)})
	if got := state(t, p); got.State != "serving" || got.Traffic != nil {
		t.Errorf("got %+v", got)
	}
	body(t, p, "/")
}
