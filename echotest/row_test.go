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

// row is one fault and the rules that fail with it.
type row struct {
	kind, name, description string
	echotest.Detection
	start func(t *testing.T) path
}

// allRows returns the faults of servers, then those of proxies, then those that no rule
// detects, and the slow paths.
func allRows() []row {
	var rows []row
	for _, f := range echotest.Faults() {
		rows = append(rows, row{"server", f.Name, f.Description, f.Detection,
			func(t *testing.T) path {
				p := pathTo(t, echotest.NewBroken(t, f))
				p.settings = settings[f.Name]
				return p
			}})
	}
	proxies := echotest.ProxyFaults()
	for _, m := range missed {
		proxies = append(proxies, m.ProxyFault)
	}
	for _, f := range append(proxies, slowPaths...) {
		rows = append(rows, proxyRow(f))
	}
	return rows
}

func proxyRow(f echotest.ProxyFault) row {
	return row{"proxy", f.Name, f.Description, f.Detection, func(t *testing.T) path {
		p := pathThrough(t, f.Network, func(upstream string) *echotest.Server {
			return echotest.NewBrokenProxy(t, f, upstream)
		})
		p.settings = settings[f.Name]
		return p
	}}
}

// settings changes the options so that check detects a fault.
var settings = map[string]func(*check.Options){
	"changes-late-byte":           func(o *check.Options) { o.Bulk = 41 << 20 },
	"changes-odd-sizes-when-busy": func(o *check.Options) { o.Bulk, o.BulkTime = 16<<20, 5*time.Minute },
	"changes-rare-byte":           func(o *check.Options) { o.Bulk, o.BulkTime = 257<<20, 5*time.Minute },
	"disconnects-slow-reader":     func(o *check.Options) { o.Stall = 6 * time.Second },
	"resets-stalled-reader":       func(o *check.Options) { o.Stall = 14 * time.Second },
	"closes-idle":                 longIdle,
	"resets-idle":                 longIdle,
	"forgets-idle":                longIdle,
	"answers-ok":                  func(o *check.Options) { anyway(o); sameBytes(o) }, // one byte in 95 is an O
	"answers-ok-to-datagrams":     anyway,
	"forgets-mapping":             longIdle,
	"limits-connections":          fewAtOnce,
	"queues-connections":          fewAtOnce,
	"leaks-slots-on-reset":        func(o *check.Options) { o.Conns = 20 }, // the limit itself is no fault
	"echoes-lines":                sameBytes,
	"sends-crlf":                  sameBytes,
	"sends-lf":                    sameBytes,
	"has-1600-kbit-per-second":    briefly,
	"has-800-kbit-per-second":     briefly,
	"has-300-ms":                  briefly,
	"has-2500-ms":                 briefly,
	"loses-5-percent":             briefly,
	"loses-1-percent-slowly":      briefly,
	"stalls-2-s":                  briefly,
	"hides-truncation":            onlyEnds,
	"never-sends-close-notify":    onlyEnds,

	"never-sends-reset-or-close-notify": onlyEnds,
}

// sameBytes makes the same bytes in each run: whether a short message has a line end, or begins with
// an O, is chance.
func sameBytes(o *check.Options) { o.Seed = 1 }

// onlyEnds omits the rules that send much: TestHonestProxyPassesEveryRule runs them through
// the same relay with TLS.
func onlyEnds(o *check.Options) { o.Skip = append(o.Skip, large...) }

// longIdle enables the rules about idle connections. It disables another rule that
// would then take long.
func longIdle(o *check.Options) {
	o.Long, o.IdleMax = true, 8*time.Second
	o.Skip = append(o.Skip, "stream/half-close-late")
}

// anyway runs the rules although the target is not an echo: check reports this instead.
func anyway(o *check.Options) { o.Anyway = true }

// fewAtOnce keeps other rules than stream/concurrency below a limit of ten connections: a rule
// makes up to five at once, and those of the rule before may take a moment to end.
func fewAtOnce(o *check.Options) { o.Parallel = 1 }

// want returns the rules that must fail, and those in got that may fail on a busy
// machine.
func (r row) want(got []string) []string {
	return append(slices.DeleteFunc(slices.Clone(r.MayFail), func(id string) bool {
		return !slices.Contains(got, id)
	}), r.Fails...)
}

// path is what check tests: the URL of a server, and what some rules need in addition.
type path struct {
	url      string
	tls      *tls.Config
	agent    string // URL of an agent behind the same proxy
	agentUDP string // URL of the agent's UDP port
	closed   string // URL of a port where nothing listens
	unsafe   bool   // there is no proxy, so the source port that the server sees can be low
	patient  bool   // reads wait for longer than the rules ask for
	settings func(*check.Options)
}

// patient lists the faults that a rule detects only if the server acts within the time
// for which the rule is silent. A machine that stops the test for so long would hide
// them. So the reads of this rule wait on until the server has acted.
var patient = map[string]string{
	"sends-banner":              "stream/no-unsolicited",
	"sends-late-banner":         "stream/no-unsolicited",
	"closes-after-first-answer": "stream/no-early-fin",
}

// patientConn adds time to the deadlines of reads.
type patientConn struct{ *net.TCPConn }

func (c patientConn) SetReadDeadline(t time.Time) error {
	return c.TCPConn.SetReadDeadline(t.Add(20 * time.Second))
}

func dialPatient(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return patientConn{c.(*net.TCPConn)}, nil
}

// pathTo is the direct path to server.
func pathTo(t *testing.T, server *echotest.Server) path {
	return path{url: server.URL(), tls: server.TLS(), closed: closedPort(t), unsafe: true}
}

// pathThrough starts an honest server behind a proxy, and an agent behind another proxy
// of the same kind. A proxy of the network tls forwards to servers without TLS.
func pathThrough(t *testing.T, network string, proxy func(upstream string) *echotest.Server) path {
	agentURL, agentUDP := startAgent(t)
	server := echotest.NewServer
	if network == "udp" {
		server = echotest.NewUDPServer
	}
	echo := proxy(server(t).URL())
	p := path{url: echo.URL(), tls: echo.TLS(), agent: agentURL, agentUDP: agentUDP, closed: closedPort(t)}
	if network == "udp" {
		p.agentUDP = proxy(agentUDP).URL()
	} else {
		p.agent, p.closed = proxy(agentURL).URL(), proxy(p.closed).URL()
	}
	return p
}

// closedPort returns the URL of a TCP port where nothing listens. It is on an address
// that no other test uses, because another process can get a port that was free.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.77.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp://" + l.Addr().String()
}

// startAgent starts an agent on loopback that ends with the test, and returns the URLs
// of its two ports.
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

// options returns short timeouts, because a fault makes a rule wait for the timeout.
// The timeout is longer than the delay of the fault closes-late.
func (p path) options() check.Options {
	o := check.Options{
		Timeout: 3 * time.Second, Budget: 10 * time.Minute, Bulk: 4 << 20, Stall: 2 * time.Second,
		Agent: p.agent, AgentUDP: p.agentUDP, Closed: p.closed, Unsafe: p.unsafe,
	}
	if p.settings != nil {
		p.settings(&o)
	}
	return o
}

// withVerdict returns the rules with one of these verdicts in report.
func withVerdict(report *check.Report, verdicts ...check.Verdict) []string {
	var ids []string
	for _, r := range report.Results {
		if slices.Contains(verdicts, r.Verdict) {
			ids = append(ids, r.Rule)
		}
	}
	return inOrder(ids)
}

// inOrder sorts IDs as check.Rules does.
func inOrder(ids []string) []string {
	var sorted []string
	for _, rule := range check.Rules() {
		if slices.Contains(ids, rule.ID) {
			sorted = append(sorted, rule.ID)
		}
	}
	return sorted
}
