package echotest_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
)

// row is one fault of the matrix.
type row struct {
	kind, name, sentence string
	caughtBy, byTheClock []string
	start                func(t *testing.T) path
}

// allRows are the servers' faults and then the proxies'.
func allRows() []row {
	var rows []row
	for _, f := range echotest.Faults() {
		rows = append(rows, row{"server", f.Name, f.Sentence, caughtBy[f.Name], byTheClock[f.Name],
			func(t *testing.T) path { return path{url: echotest.NewBroken(t, f).URL()} }})
	}
	for _, f := range echotest.ProxyFaults() {
		rows = append(rows, row{"proxy", f.Name, f.Sentence, caughtOnTheWay[f.Name], byTheClock[f.Name],
			func(t *testing.T) path {
				return pathThrough(t, f.Network(), func(upstream string) *echotest.Server {
					return echotest.NewBrokenProxy(t, f, upstream)
				})
			}})
	}
	return rows
}

// want are the rules that break, and those in got that a busy machine explains.
func (r row) want(got []string) []string {
	return append(slices.DeleteFunc(slices.Clone(r.byTheClock), func(id string) bool {
		return !slices.Contains(got, id)
	}), r.caughtBy...)
}

// startRuns puts every row to every rule. On a busy machine, more side by side
// are a load of their own.
func startRuns(t *testing.T, rows []row) []chan *check.Report {
	places := make(chan struct{}, 24)
	var reports []chan *check.Report
	for _, row := range rows {
		report, p := make(chan *check.Report, 1), row.start(t)
		reports = append(reports, report)
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			report <- p.check(t)
		}()
	}
	return reports
}

// path is what is checked: an echo, and what rules want besides.
type path struct {
	url   string
	agent string // URL of an agent behind the same proxy
}

// pathThrough puts a proxy in front of an honest echo, and another of the same
// kind in front of an agent.
func pathThrough(t *testing.T, network string, proxy func(upstream string) *echotest.Server) path {
	p := path{agent: proxyOf(network, "tcp", proxy, startAgent(t))}
	if network == "udp" {
		p.url = proxy(echotest.NewUDPServer(t).URL()).URL()
	} else {
		p.url = proxy(echotest.NewServer(t).URL()).URL()
	}
	return p
}

// proxyOf is the URL of upstream behind a proxy, if it is for the network.
func proxyOf(network, want string, proxy func(upstream string) *echotest.Server, upstream string) string {
	if network != want {
		return upstream
	}
	return proxy(upstream).URL()
}

// startAgent starts an agent on loopback that ends with the test.
func startAgent(t *testing.T) string {
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		new(agent.Server).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return "tcp://" + l.Addr().String()
}

// check runs every rule. The timeout is longer than what lingers lingers, and
// short because what never comes is waited for.
func (p path) check(t *testing.T) *check.Report {
	target, err := check.ParseTarget(p.url)
	if err != nil {
		t.Error(err)
		return nil
	}
	report, err := check.Run(context.Background(), target, check.Options{Timeout: 4 * time.Second, Agent: p.agent})
	if err != nil {
		t.Error(err)
		return nil
	}
	return report
}

// withVerdict are the rules that report has one of verdicts on.
func withVerdict(report *check.Report, verdicts ...check.Verdict) []string {
	var ids []string
	for _, r := range report.Results {
		if slices.Contains(verdicts, r.Verdict) {
			ids = append(ids, r.Rule)
		}
	}
	return ids
}

// inOrder puts IDs in the order of the rules.
func inOrder(ids []string) []string {
	var sorted []string
	for _, rule := range check.Rules() {
		if slices.Contains(ids, rule.ID) {
			sorted = append(sorted, rule.ID)
		}
	}
	return sorted
}
