package echotest_test

import (
	"context"
	"crypto/tls"
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
			func(t *testing.T) path {
				p := pathTo(t, echotest.NewBroken(t, f))
				p.settings = settings[f.Name]
				return p
			}})
	}
	for _, f := range echotest.ProxyFaults() {
		rows = append(rows, row{"proxy", f.Name, f.Sentence, caughtOnTheWay[f.Name], byTheClock[f.Name],
			func(t *testing.T) path {
				p := pathThrough(t, f.Network(), func(upstream string) *echotest.Server {
					return echotest.NewBrokenProxy(t, f, upstream)
				})
				p.settings = settings[f.Name]
				return p
			}})
	}
	return rows
}

// settings are the options that a fault needs to show.
var settings = map[string]func(*check.Options){
	"changes-late-byte": func(o *check.Options) { o.Bulk = 41 << 20 },
	"cuts-stalled":      func(o *check.Options) { o.Stall = 14 * time.Second },
	"cuts-idle":         longIdle,
	"resets-idle":       longIdle,
	"forgets-idle":      longIdle,
	"forgets-mapping":   longIdle,
}

// longIdle turns on the rules about silence, and off what else would take long then.
func longIdle(o *check.Options) {
	o.Long, o.IdleMax = true, 6*time.Second
	o.Skip = append(o.Skip, "stream/half-close-late")
}

// want are the rules that break, and those in got that a busy machine explains.
func (r row) want(got []string) []string {
	return append(slices.DeleteFunc(slices.Clone(r.byTheClock), func(id string) bool {
		return !slices.Contains(got, id)
	}), r.caughtBy...)
}

// path is what is checked: an echo, and what rules want besides.
type path struct {
	url      string
	tls      *tls.Config
	agent    string // URL of an agent behind the same proxy
	agentUDP string // URL of its UDP port, too
	closed   string // URL of a port with nobody behind it
	unsafe   bool   // no proxy is between: one's own port is never low
	settings func(*check.Options)
}

// pathTo is the direct way to server.
func pathTo(t *testing.T, server *echotest.Server) path {
	return path{url: server.URL(), tls: server.TLS(), closed: closedPort(t), unsafe: true}
}

// pathThrough puts a proxy in front of an honest echo, and another of the same
// kind in front of an agent.
func pathThrough(t *testing.T, network string, proxy func(upstream string) *echotest.Server) path {
	agentURL, agentUDP := startAgent(t)
	p := path{
		agent:    proxyOf(network, "tcp", proxy, agentURL),
		agentUDP: proxyOf(network, "udp", proxy, agentUDP),
		closed:   proxyOf(network, "tcp", proxy, closedPort(t)),
	}
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

// closedPort is the URL of a TCP port on which nobody listens: on an address that
// no other test uses, because a port that was free may soon be somebody's.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.77.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp://" + l.Addr().String()
}

// startAgent starts an agent on loopback that ends with the test, and returns the
// URLs of its two ports.
func startAgent(t *testing.T) (streams, datagrams string) {
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&agent.Server{UDP: conn}).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return "tcp://" + l.Addr().String(), "udp://" + conn.LocalAddr().String()
}

// options wait shortly, because what never comes is waited for, but longer than
// what lingers lingers.
func (p path) options() check.Options {
	o := check.Options{
		Timeout: 3 * time.Second, Bulk: 4 << 20, Stall: 2 * time.Second,
		Agent: p.agent, AgentUDP: p.agentUDP, Closed: p.closed, Unsafe: p.unsafe,
	}
	if p.settings != nil {
		p.settings(&o)
	}
	return o
}

// withVerdict are the rules that report has one of verdicts on.
func withVerdict(report *check.Report, verdicts ...check.Verdict) []string {
	var ids []string
	for _, r := range report.Results {
		if slices.Contains(verdicts, r.Verdict) {
			ids = append(ids, r.Rule)
		}
	}
	return inOrder(ids)
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
