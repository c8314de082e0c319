package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/agent"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/page"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/watch"
)

// get returns the answer of the page.
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

func spec(t *testing.T, url string) sock.Spec {
	t.Helper()
	s, err := sock.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// service returns snapshots of a service, of second 0, 1, 2 …: it echoes 1000 bytes a
// second, and does a little of all else.
func service(t *testing.T) func() server.Snapshot {
	epoll := []sock.Spec{spec(t, "tcp://127.0.0.1:7"), spec(t, "udp://127.0.0.1:7")}
	net := []sock.Spec{spec(t, "tls://127.0.0.1:77")}
	return sampled(func(second uint64) server.Snapshot {
		s := engine.Stats{
			Active: 3, Held: 4096, Accepted: 10 * second,
			BytesIn: 1000 * second, BytesOut: 990 * second, Discarded: 10 * second, DatagramsIn: 50 * second, DatagramsOut: 40 * second,
			Loops: []engine.LoopStats{{Turns: 500 * second, Active: 1}, {Turns: 700 * second, Active: 2}},
		}
		s.Closes[engine.Finished] = 9 * second
		s.Refused[engine.RefusedPerIP] = second
		s.Drops[echo.DropLowPort] = 10 * second
		var tls engine.Stats
		tls.Handshakes[engine.HandshakeOK] = second
		return server.Snapshot{
			Started: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Draining: second > 5,
			Limits:  engine.Limits{MaxConns: 100, MaxMemory: 1 << 20},
			Engines: []server.EngineSnapshot{{Engine: "epoll", Listeners: epoll, Stats: s}, {Engine: "net", Listeners: net, Stats: tls}},
		}
	})
}

// peers returns four streams, in no order.
func peers(context.Context, int) ([]engine.Peer, error) {
	return []engine.Peer{
		{ID: 1, Addr: netip.MustParseAddrPort("192.0.2.1:1"), Network: "tcp", BytesIn: 10, BytesOut: 10},
		{ID: 2, Addr: netip.MustParseAddrPort("192.0.2.2:1"), Network: "tcp", BytesIn: 500, BytesOut: 400, Owed: 100, Waiting: 2 * time.Second},
		{ID: 3, Network: "unix", BytesIn: 50, BytesOut: 40, Owed: 10, Waiting: 3 * time.Second},
		{ID: 4, Addr: netip.MustParseAddrPort("192.0.2.4:1"), Network: "tls", BytesIn: 700, BytesOut: 700},
	}, nil
}

// targets returns a target with an address that answers and one that does not, a target
// without a probe yet, and one without addresses.
func targets() watch.Snapshot {
	now := time.Now()
	fast := watch.Bucket{At: now.Add(-10 * time.Second), Sent: 5, Min: time.Millisecond, Sum: 5 * time.Millisecond, Max: 2 * time.Millisecond}
	for range 5 {
		fast.Rows.Record(time.Millisecond)
	}
	answered := []time.Duration{time.Millisecond, time.Millisecond, 2 * time.Millisecond}
	return watch.Snapshot{Targets: []watch.TargetSnapshot{
		{URL: "dns+tcp://echo.example:7", Labels: map[string]string{"env": "prod"}, Addresses: []watch.AddressSnapshot{
			{Address: "192.0.2.1:7", Resolved: true, Known: true, Up: true, Sent: 10, Received: 10, Last: time.Millisecond, Recent: answered,
				Late: 3, Duplicated: 4, Reordered: 5, Foreign: 6, Paused: 7, Moved: 8, Stale: 9, Connecting: watch.Connecting{Retransmits: 10, DNS: watch.Times{Counts: [18]uint64{1, 2}, Sum: time.Second}},
				History: []watch.Bucket{fast}},
			{Address: "192.0.2.2:7", Known: true, Sent: 10, Class: "refused", Failed: now,
				History: []watch.Bucket{{At: now.Add(-10 * time.Second), Sent: 5, Lost: 5}}},
		}},
		{URL: "tcp://new.example:7", Addresses: []watch.AddressSnapshot{{Address: "new.example:7", Resolved: true}}},
		{URL: "dns+tcp://gone.example:7", Problem: "no such host"},
	}}
}

// running returns a page after that many seconds, in a bubble.
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

// sampled returns a function that returns of(0), of(1), of(2) …
func sampled[S any](of func(second uint64) S) func() S {
	var second uint64
	return func() S {
		second++
		return of(second - 1)
	}
}

func TestStateHoldsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Name: "echod serve", Version: "1.2.3", Serve: service(t), Peers: peers, Watch: targets}, 12)
		golden(t, "testdata/state.json", indented(t, p))
	})
}

func TestStateOfAnAgent(t *testing.T) {
	snapshot := sampled(func(second uint64) agent.Snapshot {
		return agent.Snapshot{
			Active: 1, Ended: map[agent.End]uint64{agent.FIN: second}, Refused: second / 2,
			Latest: []agent.Session{
				{Client: "192.0.2.1:5", Started: time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC),
					Report: agent.Report{ID: "a", Scenario: "half-close-late", TotalMS: 1000, Received: 10, Sent: 20, End: agent.Open}},
				{Client: "192.0.2.1:4", Started: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
					Report: agent.Report{ID: "b", Scenario: "half-close-late", TotalMS: 1000, Received: 10, Sent: 20, End: agent.FIN}},
			},
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Name: "echod agent", Version: "1.2.3", Agent: snapshot, AgentURL: "tcp://127.0.0.1:7", AgentLimits: agent.Limits{Runs: 64}}, 2)
		golden(t, "testdata/agent.json", indented(t, p))
	})
}

// indented returns /state.json with indentation.
func indented(t *testing.T, p *page.Page) string {
	t.Helper()
	var text bytes.Buffer
	if err := json.Indent(&text, []byte(body(t, p, "/state.json")), "", "  "); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

var update = flag.Bool("update", false, "rewrite the golden files")

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
		t.Errorf("%s differs (-want +got); go test ./internal/page -update rewrites it:\n%s", path, diff)
	}
}

func TestPageIsSampledEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Uint64
		snapshot := service(t)
		p := running(t, page.Config{Serve: func() server.Snapshot { asked.Add(1); return snapshot() }}, 3)
		if got := asked.Load(); got != 4 {
			t.Errorf("after three seconds it was asked %d times, want once for now and once for each", got)
		}
		before := state(t, p).Traffic.AcceptedTotal
		if again := state(t, p).Traffic.AcceptedTotal; again != before {
			t.Errorf("within a second: got %d and %d accepted, want the same", before, again)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if after := state(t, p).Traffic.AcceptedTotal; after != before+10 {
			t.Errorf("a second later: got %d accepted, want %d", after, before+10)
		}
	})
}

func TestPeersAreRequestedOnlyWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := running(t, page.Config{Serve: service(t), Peers: func(ctx context.Context, n int) ([]engine.Peer, error) {
			asked++
			return peers(ctx, n)
		}}, 100)
		if asked != 0 {
			t.Errorf("without a reader: got %d requests for peers, want none", asked)
		}
		for range 10 {
			body(t, p, "/")
			body(t, p, "/state.json")
		}
		if asked != 1 {
			t.Errorf("ten readers within a second: got %d requests for peers, want 1", asked)
		}
	})
}

func TestPageIsShownWhenPeersDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Serve: service(t), Peers: func(ctx context.Context, n int) ([]engine.Peer, error) {
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

func TestPageIsShownBeforeTheFirstSample(t *testing.T) {
	p := page.New(page.Config{Name: "echod serve", Serve: service(t)})
	if got := state(t, p); got.State != "serving" || got.Traffic != nil {
		t.Errorf("got %+v", got)
	}
	body(t, p, "/")
}
