package page_test

import (
	"context"
	"html"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/agent"
	"echod/internal/engine"
	"echod/internal/page"
	"echod/internal/server"
	"echod/internal/sock"
	"echod/internal/watch"
)

func TestPageLoadsNothingFromOtherServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Serve: service(t), Peers: peers, Watch: targets}, 10)
		for _, path := range []string{"/", "/page.css", "/page.js"} {
			text := body(t, p, path)
			for _, word := range []string{"http:", "https:", "//www", "url(", "@import", " style=", "onclick", "innerHTML", "eval("} {
				if strings.Contains(text, word) {
					t.Errorf("%s contains %s", path, word)
				}
			}
		}
	})
}

func TestAnswersHaveTheirTypeAndPolicy(t *testing.T) {
	p := page.New(page.Config{})
	for path, want := range map[string]string{"/": "text/html; charset=utf-8", "/state.json": "application/json",
		"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/page.svg": "image/svg+xml"} {
		head := get(t, p, path).Header
		if got := head.Get("Content-Type"); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
		policy := head.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if head.Get("Cache-Control") != "no-store" || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %v", path, head)
		}
	}
	for path, want := range map[string]int{"/nothing": http.StatusNotFound, "/index.html": http.StatusNotFound} {
		if got := get(t, p, path).StatusCode; got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}

// TestPageEscapesTextsFromElsewhere has snapshots with hostile texts.
func TestPageEscapesTextsFromElsewhere(t *testing.T) {
	const bad = `"></output></svg></table><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}'`
	url := spec(t, "unix:///tmp/echo")
	url.Path = bad
	hostile := func() server.Snapshot {
		one := server.EngineSnapshot{Engine: bad, Listeners: []sock.Spec{url, url}, Stats: engine.Stats{Active: 1, Loops: make([]engine.LoopStats, 2)}}
		return server.Snapshot{Engines: []server.EngineSnapshot{one, one}}
	}
	stream := func(context.Context, int) ([]engine.Peer, error) {
		return []engine.Peer{{Network: bad, Waiting: time.Second}, {Network: bad}}, nil
	}
	scenarios := func() agent.Snapshot {
		return agent.Snapshot{Latest: []agent.Session{{Client: bad, Report: agent.Report{ID: bad, Scenario: bad, End: bad}}}}
	}
	monitored := func() watch.Snapshot {
		return watch.Snapshot{Targets: []watch.TargetSnapshot{
			{URL: bad, Labels: map[string]string{"env": bad}, Problem: bad, Addresses: []watch.AddressSnapshot{{Address: bad, Class: bad}}},
			{URL: bad, Addresses: []watch.AddressSnapshot{{Address: bad}}}}}
	}
	synctest.Test(t, func(t *testing.T) {
		for name, config := range map[string]page.Config{
			"serve": {Name: bad, Version: bad, Serve: hostile, Peers: stream},
			"agent": {Name: bad, Version: bad, Agent: scenarios, AgentURL: bad},
			"watch": {Name: bad, Version: bad, Watch: monitored},
		} {
			text := body(t, running(t, config, 3), "/")
			if strings.Contains(text, "<img") || strings.Contains(text, "<script>") || strings.Contains(text, "</output></svg></table><") {
				t.Errorf("%s: the page holds markup of others", name)
			}
			if seen := strings.Count(text, "&lt;script&gt;alert(1)"); seen < 6 {
				t.Errorf("%s: got the hostile text %d times, want it everywhere", name, seen)
			}
		}
	})
}

var (
	paths  = regexp.MustCompile(` d="([^"]*)"`)
	number = regexp.MustCompile(`-?\d+`)
)

// TestLinesStayInTheirPlots has very low and very high values.
func TestLinesStayInTheirPlots(t *testing.T) {
	for name, level := range map[string]uint64{"nothing": 0, "little": 1, "the most there can be": math.MaxUint64} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := running(t, page.Config{Watch: targets, Serve: sampled(func(second uint64) server.Snapshot {
					n := level * (second % 2) // grows, and starts again
					s := engine.Stats{Active: n, Held: n, BytesIn: n, BytesOut: n, Accepted: n}
					s.Closes[engine.Finished] = n
					return server.Snapshot{Engines: []server.EngineSnapshot{{Stats: s}}}
				})}, 700)
				text := body(t, p, "/")
				for _, word := range []string{"NaN", "Inf"} {
					if before, _, found := strings.Cut(text, word); found {
						t.Errorf("the page holds %s%s", before[max(0, len(before)-60):], word)
					}
				}
				drawn := 0
				for _, path := range paths.FindAllStringSubmatch(text, -1) {
					within(t, path[1])
					drawn++
				}
				if drawn < 8 {
					t.Errorf("got %d paths", drawn)
				}
			})
		})
	}
}

// within follows a path, which must stay between 0 and 1000.
func within(t *testing.T, path string) {
	t.Helper()
	x, y := 0, 0
	for _, step := range regexp.MustCompile(`[A-Za-z][^A-Za-z]*`).FindAllString(path, -1) {
		var args []int
		for _, text := range number.FindAllString(step[1:], -1) {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s in %.80s: %v", step, path, err)
			}
			args = append(args, n)
		}
		if want := map[byte]int{'M': 2, 'l': 2, 'H': 1, 'V': 1, 'h': 1, 'v': 1}[step[0]]; len(args) != want {
			t.Fatalf("%s in %.80s has %d numbers, want %d", step, path, len(args), want)
		}
		switch step[0] {
		case 'M':
			x, y = args[0], args[1]
		case 'l':
			x, y = x+args[0], y+args[1]
		case 'H':
			x = args[0]
		case 'V':
			y = args[0]
		case 'h':
			x += args[0]
		case 'v':
			y += args[0]
		}
		if x < 0 || x > 600 || y < 0 || y > 1000 {
			t.Fatalf("%s leads to %d %d in %.80s", step, x, y, path)
		}
	}
}

func TestPageShowsAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := running(t, page.Config{Name: "echod serve", Version: "1.2.3", Serve: service(t), Peers: peers}, 10)
		text := body(t, p, "/")
		for _, want := range []string{
			"<title>draining · echod serve</title>",
			`draining since <time datetime="2000-01-01T00:00:06Z">00:00:06 UTC</time>`,
			"<code>tcp://127.0.0.1:7</code> <span>epoll</span>",
			`aria-label="Throughput over the last 11 s: in 1,000 B/s now, at most 1,000 B/s; out 990 B/s now, at most 990 B/s."`,
			`aria-label="Connections over the last 11 s: open 3 now, at most 3; accepted 10.0/s now, at most 10.0/s; closed 9.00/s now, at most 9.00/s."`,
			">3</output> of 100</li>",
			"<th scope=\"row\">unix 3</th><td>10 B</td><td>3 s</td>",
			"None: peer-reset, peer-lost, stalled, idle, drained,",
			"<h2>TLS handshakes</h2>",
			">drain</text>",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not contain %s", want)
			}
		}
		order := []int{strings.Index(text, "192.0.2.4:1"), strings.Index(text, "192.0.2.2:1"), strings.Index(text, "unix 3"), strings.Index(text, "192.0.2.1:1")}
		if !slices.IsSorted(order) || order[0] < 0 {
			t.Errorf("the busiest are not first: they stand at %v", order)
		}
	})
}

func TestPageShowsWhichAddressesAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := html.UnescapeString(body(t, running(t, page.Config{Name: "echod watch", Watch: targets}, 1), "/"))
		for _, want := range []string{
			`<p class="state down">1 of 3 up, 1 not known yet, targets with a problem: 1</p>`,
			"dns+tcp://echo.example:7 <span>env=prod</span> <span>1 of 2 up</span>",
			`dns+tcp://gone.example:7 <span class="bad">no such host</span>`,
			`<span class="state down">down</span> <span class="class">refused</span>`,
			`<td role="cell" class="updown"><span class="state unknown">not known yet</span></td>`,
			`aria-label="The last ten minutes: 5 probes, 0 lost, round-trip times from 1.00 ms to 2.00 ms."`,
			`aria-label="The last ten minutes: 5 probes, 5 lost."`,
			`<td role="cell" data-head="lost (10 min)" class="bad">100 %</td>`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not contain %s", want)
			}
		}
	})
}

// TestWhatIsNotKnownIsNeitherUpNorDown has what a watch knows before and after its first probes.
func TestWhatIsNotKnownIsNeitherUpNorDown(t *testing.T) {
	unknown, up, down := watch.AddressSnapshot{Address: "a"}, watch.AddressSnapshot{Address: "a", Known: true, Up: true}, watch.AddressSnapshot{Address: "a", Known: true}
	of := func(problem string, all ...watch.AddressSnapshot) watch.TargetSnapshot {
		return watch.TargetSnapshot{URL: "dns+tcp://echo.example:7", Problem: problem, Addresses: all}
	}
	for name, test := range map[string]struct {
		targets []watch.TargetSnapshot
		want    string
	}{
		"a name that is not resolved yet":   {[]watch.TargetSnapshot{of("")}, `<p class="state unknown">no address is known yet</p>`},
		"no probe has an outcome":           {[]watch.TargetSnapshot{of("", unknown, unknown)}, `<p class="state unknown">2 not known yet</p>`},
		"one has not":                       {[]watch.TargetSnapshot{of("", up, unknown)}, `<p class="state unknown">1 of 2 up, 1 not known yet</p>`},
		"one is down, and one is not known": {[]watch.TargetSnapshot{of("", down), of("", unknown)}, `<p class="state down">0 of 2 up, 1 not known yet</p>`},
		"all are up":                        {[]watch.TargetSnapshot{of("", up, up)}, `<p class="state up">2 of 2 up</p>`},
		"all are up, and a name fails":      {[]watch.TargetSnapshot{of("", up), of("no such host")}, `<p class="state down">1 of 1 up, targets with a problem: 1</p>`},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := func() watch.Snapshot { return watch.Snapshot{Targets: test.targets} }
			p := page.New(page.Config{Name: "echod watch", Watch: snapshot})
			if text := body(t, p, "/"); !strings.Contains(text, test.want) {
				header, _, _ := strings.Cut(text, "</header>")
				t.Errorf("want %s, got\n%s", test.want, header)
			}
			if text := body(t, p, "/state.json"); strings.Contains(text, `"known":false,"up":false`) {
				t.Error("state.json says that an address is down before that is known")
			}
		})
	}
}
