package page_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
	"echod/internal/page"
	"echod/internal/sequence"
	"echod/internal/sys"
	"echod/internal/trace"
)

// tracer is an engine whose streams have the IDs from 1 to 9.
type tracer struct {
	mu      sync.Mutex
	lives   map[uint64]*trace.Life
	begun   int
	stopped []uint64
}

func (e *tracer) trace(_ context.Context, id uint64, life *trace.Life) (func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id < 1 || id > 9 {
		return nil, engine.ErrNoStream
	}
	if e.lives == nil {
		e.lives = map[uint64]*trace.Life{}
	}
	e.lives[id] = life
	e.begun++
	life.Open(trace.Opened{Peer: "<b>" + string(rune('0'+id)), Engine: "epoll", FD: 7, Age: 4 * time.Minute, In: 5, Out: 5})
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stopped = append(e.stopped, id)
	}, nil
}

// counts returns how many traces have begun, and which have been stopped.
func (e *tracer) counts() (begun int, stopped []uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun, slices.Clone(e.stopped)
}

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %q:\n%s", part, text)
		}
	}
}

func TestTraceIsShownWhileItHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tracer{}
		p := running(t, page.Config{Serve: service(t), Peers: peers, Trace: e.trace, TracePayload: 4}, 1)
		wantIn(t, body(t, p, "/"), `<a href="/trace?conn=1">192.0.2.1:1</a>`)
		wantIn(t, body(t, p, "/trace"), `<a href="/trace?conn=2">192.0.2.2:1</a>`)
		text := body(t, p, "/trace?conn=1")
		wantIn(t, text, "the trace begins here, 4m0s after accept", "&lt;b&gt;1 on epoll", "5 B received", `<svg xmlns`)
		if strings.Contains(text, "<b>") || strings.Contains(text, "<style") || strings.Contains(text, " style=") {
			t.Errorf("the page has a text that is not escaped, or a style:\n%s", text)
		}
		life := e.lives[1]
		life.Step(trace.Record{Time: life.Now(), Op: trace.Receive, Call: "recv", N: 6, Asked: 9, Data: []byte("secret"), Held: &sys.Held{State: "ESTABLISHED", Arrived: 3}})
		wantIn(t, body(t, p, "/trace?conn=1"), "6 bytes are owed", "&#34;secr&#34;…", "ESTABLISHED in 3", "11 B received")
		life.Step(trace.Record{Time: life.Now(), Op: trace.Receive, Call: "recv", Asked: 9, Errno: "ECONNRESET"})
		life.Step(trace.Record{Time: life.Now(), Op: trace.Close, Call: "close"})
		wantIn(t, body(t, p, "/trace?conn=1"), "The connection has ended.", "reset by the peer, 4m0s after accept")
		if begun, _ := e.counts(); begun != 1 {
			t.Errorf("got %d traces, want 1 for all requests", begun)
		}
	})
}

func TestTraceEndsWhenNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tracer{}
		p := running(t, page.Config{Peers: peers, Trace: e.trace}, 1)
		for range 5 { // somebody looks
			body(t, p, "/trace?conn=1")
			time.Sleep(9 * time.Second)
		}
		if begun, stopped := e.counts(); begun != 1 || len(stopped) != 0 {
			t.Errorf("while somebody looks: got %d begun, %v stopped; want 1, none", begun, stopped)
		}
		before := e.lives[1]
		time.Sleep(time.Second)
		synctest.Wait()
		if _, stopped := e.counts(); len(stopped) != 1 {
			t.Fatalf("after ten seconds: got %v stopped, want 1", stopped)
		}
		before.Step(trace.Record{Op: trace.Send, Call: "tardy", N: 1, Asked: 1})
		text := body(t, p, "/trace?conn=1")
		if begun, _ := e.counts(); begun != 2 || strings.Contains(text, "tardy") {
			t.Errorf("who looks again: got %d begun, want another trace:\n%s", begun, text)
		}
	})
}

func TestTracesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tracer{}
		p := running(t, page.Config{Peers: peers, Trace: e.trace}, 1)
		for _, path := range []string{"/trace?conn=1", "/trace?conn=2", "/trace?conn=3", "/trace?conn=4"} {
			body(t, p, path)
		}
		wantIn(t, body(t, p, "/trace?conn=5"), "4 connections are traced already. A trace ends when nobody has looked at it for 10s.")
		for range 500 {
			e.lives[1].Step(trace.Record{Op: trace.Shutdown, Call: "shutdown"})
		}
		if n := strings.Count(body(t, p, "/trace?conn=1"), `class="step"`); n != 48 {
			t.Errorf("got %d steps, want 48", n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantIn(t, body(t, p, "/trace?conn=5"), "the trace begins here")
		if begun, stopped := e.counts(); begun != 5 || len(stopped) != 4 {
			t.Errorf("got %d begun, %v stopped; want 5, 4", begun, stopped)
		}
	})
}

func TestStreamThatCannotBeTraced(t *testing.T) {
	e := &tracer{}
	p := page.New(page.Config{Peers: peers, Trace: e.trace})
	for range 5 { // a failure takes no place
		wantIn(t, body(t, p, "/trace?conn=10"), "This connection is not open. It may have ended.")
	}
	if got := get(t, p, "/trace?conn=x"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("conn=x: got %s, want 400", got.Status)
	}
}

func TestPageWithoutTracesHasNoLinkToOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Serve: service(t), Peers: peers}, 1)
		if got := get(t, p, "/trace"); got.StatusCode != http.StatusNotFound {
			t.Errorf("/trace: got %s, want 404", got.Status)
		}
		text := body(t, p, "/")
		wantIn(t, text, "192.0.2.1:1")
		if strings.Contains(text, "/trace") {
			t.Errorf("the page has a link:\n%s", text)
		}
	})
}

// In a picture, the height of a box is a length of time or a number of bytes: no rule for something else
// on the page may set it.
func TestStyleOfThePageLeavesThePictureAsItIs(t *testing.T) {
	life := sequence.Lives(&trace.File{Records: []trace.Record{
		{Conn: 1, Op: trace.Accept, Held: &sys.Held{State: "ESTABLISHED", Arrived: 5}}, {Conn: 1, Op: trace.Receive, N: 5, Asked: 5, Held: &sys.Held{State: "CLOSE_WAIT"}}, {Conn: 1, Op: trace.Close},
	}})[0]
	classes := map[string]bool{}
	for _, names := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(life.SVG(), -1) {
		for _, name := range strings.Fields(names[1]) {
			classes[name] = true
		}
	}
	for _, name := range []string{"page/page.css", "page/trace.css"} {
		style, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range regexp.MustCompile(`(?m)^ *\.([a-z]+) \{([^}]*)\}`).FindAllStringSubmatch(string(style), -1) {
			if classes[rule[1]] && regexp.MustCompile(`\b(height|width|display|fill|stroke):`).MatchString(rule[2]) {
				t.Errorf("%s: .%s {%s} is also the style of a part of the picture: restrict it, e.g. to div.%s", name, rule[1], rule[2], rule[1])
			}
		}
	}
	if !classes["strip"] || !classes["band"] {
		t.Errorf("got the classes %v, want those of a picture", classes)
	}
}
