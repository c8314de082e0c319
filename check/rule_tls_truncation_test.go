package check_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
	"echod/internal/certs"
)

// terminator starts a relay that ends TLS.
func terminator(t *testing.T, p echotest.Path, upstream string) *echotest.Server {
	t.Helper()
	p.TLS = true
	return echotest.NewRelay(t, p, upstream)
}

// throughTerminator runs rules on an honest echo and an agent behind terminators.
func throughTerminator(t *testing.T, p echotest.Path, rules ...string) map[string]check.Result {
	t.Helper()
	echo := terminator(t, p, echotest.NewServer(t).URL())
	target := parse(t, echo.URL())
	target.TLS = echo.TLS()
	report, err := check.Run(t.Context(), target, check.Options{
		Rules: rules, Timeout: 3 * time.Second,
		Agent: terminator(t, p, "tcp://"+startAgent(t, &agent.Server{})).URL(),
	})
	if err != nil {
		t.Fatal(err)
	}
	results := make(map[string]check.Result)
	for _, r := range report.Results {
		results[r.Rule] = r
	}
	return results
}

// serverTLS returns the configuration of a server with a new certificate.
func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	ca, err := certs.NewCA(time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.NewServer(time.Now().Add(time.Hour), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
}

// hidden are faults that forward every end as an orderly one.
var hidden = []echotest.PathFault{{On: echotest.OnReset, Do: echotest.Close}}

func TestVerdictsAboutTruncationSayWhatEachSideSaw(t *testing.T) {
	type want struct {
		verdict check.Verdict
		class   check.Class
		detail  string
	}
	skipped := func(detail string) want { return want{check.Skip, "", detail} }
	tests := []struct {
		name string
		path echotest.Path
		want map[string]want
	}{
		{"honest", echotest.Path{}, map[string]want{
			"stream/rst-to-client":     {check.Pass, "", "^$"},
			"tls/half-close":           {check.Pass, "", "^$"},
			"tls/truncation":           {check.Pass, "", "^ended by a reset$"},
			"tls/truncation-to-server": {check.Pass, "", "^the agent saw a reset$"},
			"tls/truncation-to-client": {check.Pass, "", "^ended by a reset$"},
		}},
		{"hides truncation", echotest.Path{Faults: hidden}, map[string]want{
			"stream/rst-to-client":     {check.Fail, check.PrematureEOF, "the client saw an orderly end$"},
			"tls/half-close":           {check.Pass, "", "shows nothing: it also follows a truncated reply"},
			"tls/truncation":           {check.Fail, check.Truncated, "close_notify$"},
			"tls/truncation-to-server": {check.Fail, check.Truncated, "behind the TLS terminator the agent saw an orderly FIN$"},
			"tls/truncation-to-client": {check.Fail, check.Truncated, "the agent reset its connection behind the TLS terminator, and the client received a close_notify$"},
		}},
		{"never sends close_notify or a reset", echotest.Path{OmitsCloseNotify: true, Faults: hidden}, map[string]want{
			"stream/rst-to-client":     {check.Fail, check.PrematureEOF, "a FIN without close_notify, as after a complete reply$"},
			"tls/half-close":           {check.Fail, check.Truncated, "without a close_notify"},
			"tls/truncation":           skipped("^inconclusive: a complete stream, too, ends .* see tls/half-close$"),
			"tls/truncation-to-server": {check.Fail, check.Truncated, "orderly FIN$"},
			"tls/truncation-to-client": skipped("^inconclusive: a complete reply, too, ends .* see tls/half-close$"),
		}},
		{"resets the server at every end of the client", echotest.Path{Faults: []echotest.PathFault{
			{On: echotest.OnFIN, Direction: echotest.ToServer, Do: echotest.Reset},
		}}, map[string]want{
			"tls/truncation-to-server": skipped("^inconclusive: a complete stream has no orderly end at the agent either: see stream/half-close-late$"),
		}},
		{"drops the client's close_notify", echotest.Path{Faults: []echotest.PathFault{
			{On: echotest.OnFIN, Direction: echotest.ToServer, Do: echotest.Drop},
		}}, map[string]want{
			"tls/truncation-to-server": skipped("^inconclusive: a complete stream has no orderly end at the agent either: see stream/half-close-late$"),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var rules []string
			for id := range tt.want {
				rules = append(rules, id)
			}
			got := throughTerminator(t, tt.path, rules...)
			for id, want := range tt.want {
				t.Run(id, func(t *testing.T) { wantDetail(t, got[id], want.verdict, want.class, want.detail) })
			}
		})
	}
}

func TestAReportNamesATerminatorOnceAsTheCause(t *testing.T) {
	got := throughTerminator(t, echotest.Path{Faults: hidden}, "stream/rst-*", "tls/truncation-*")
	for id, explainedBy := range map[string]string{
		"stream/rst-to-server": "tls/truncation-to-server", "tls/truncation-to-server": "",
		"stream/rst-to-client": "tls/truncation-to-client", "stream/rst-after-data": "tls/truncation-to-client", "tls/truncation-to-client": "",
	} {
		if r := got[id]; r.Evidence != check.Terminator || r.ExplainedBy != explainedBy || r.Remedy == "" {
			t.Errorf("%s: got evidence %q, explained by %q, the remedy %q; want %q, %q and a remedy",
				id, r.Evidence, r.ExplainedBy, r.Remedy, check.Terminator, explainedBy)
		}
	}
}

func TestAnAgentWithTLSPassesItsRulesOnAPathThatForwardsBytes(t *testing.T) {
	for version, halfCloses := range map[uint16]check.Verdict{tls.VersionTLS13: check.Pass, tls.VersionTLS12: check.Skip} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			echo := echotest.NewTLSServer(t)
			target := parse(t, echo.URL())
			target.TLS = &tls.Config{InsecureSkipVerify: true, MaxVersion: version}
			relay := echotest.NewProxy(t, "tcp://"+startAgent(t, &agent.Server{TLS: serverTLS(t)}))
			report, err := check.Run(t.Context(), target, check.Options{
				Rules: append(agentRules(), "tls/*"), Agent: "tls://" + relay.Addr(),
			})
			if err != nil {
				t.Fatal(err)
			}
			want := all(check.Pass)
			want["stream/half-close-late"], want["stream/server-fin"] = halfCloses, halfCloses
			for _, id := range []string{"tls/half-close", "tls/truncation", "tls/truncation-to-server", "tls/truncation-to-client"} {
				want[id] = check.Pass
			}
			if diff := cmp.Diff(want, verdicts(report)); diff != "" {
				t.Errorf("verdicts differ (-want +got):\n%s", diff)
				report.WriteText(t.Output(), false)
			}
		})
	}
}

func TestAnAgentOnAnotherNetworkIsNotUsed(t *testing.T) {
	secure := echotest.NewTLSServer(t)
	target := parse(t, secure.URL())
	target.TLS = secure.TLS()
	plain := check.Options{Rules: []string{"tls/half-close", "tls/truncation-to-server"}, Agent: "tcp://" + startAgent(t, &agent.Server{})}
	report, err := check.Run(t.Context(), target, plain)
	if err != nil {
		t.Fatal(err)
	}
	wantDetail(t, report.Results[1], check.Skip, "", "^the target has tls:// and --agent has tcp://: want the same$")
}

func TestRefusedSaysThatATerminatorAnswersTheHandshake(t *testing.T) {
	t.Parallel()
	echo := terminator(t, echotest.Path{}, echotest.NewServer(t).URL())
	target := parse(t, echo.URL())
	target.TLS = echo.TLS()
	for _, tt := range []struct {
		closed string
		class  check.Class
		want   string
	}{
		{terminator(t, echotest.Path{AcceptsFirst: true}, "tcp://"+freePort(t, "tcp")).URL(), check.Reset, `^the connect and the TLS handshake were accepted, then reset after \S+$`},
		{"tls://" + echotest.NewServer(t).Addr(), check.TLS, "^the connect was accepted, and the TLS handshake failed: "},
	} {
		report, err := check.Run(t.Context(), target, check.Options{Rules: []string{"stream/refused"}, Closed: tt.closed})
		if err != nil {
			t.Fatal(err)
		}
		wantDetail(t, report.Results[0], check.Fail, tt.class, tt.want)
	}
}
