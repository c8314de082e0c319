package echotest_test

import (
	"slices"
	"testing"

	"echod/check"
	"echod/echotest"
)

func TestHonestServerPassesEveryRule(t *testing.T) {
	for _, tt := range []struct {
		network string
		start   func(testing.TB) *echotest.Server
	}{
		{"tcp", echotest.NewServer},
		{"tls", echotest.NewTLSServer},
		{"unix", echotest.NewUnixServer},
		{"udp", echotest.NewUDPServer},
	} {
		t.Run(tt.network, func(t *testing.T) {
			t.Parallel()
			wantHonest(t, pathTo(t, tt.start(t)))
		})
	}
}

func TestHonestProxyPassesEveryRule(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			report := wantHonest(t, pathThrough(t, network, func(upstream string) *echotest.Server {
				return echotest.NewProxy(t, upstream)
			}))
			skipped := slices.DeleteFunc(withVerdict(report, check.Skip), func(id string) bool {
				// Two wait for minutes; the other's source port is lost on a proxy.
				return id == "stream/idle" || id == "datagram/nat-idle" || id == "datagram/loop-guard"
			})
			if len(skipped) > 0 {
				t.Errorf("not tried: %v", skipped)
			}
		})
	}
}

func wantHonest(t *testing.T, p path) *check.Report {
	t.Helper()
	report, err := run{p, p.options()}.do()
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict() != check.Pass {
		t.Errorf("got %s, want pass", report.Verdict())
		report.WriteText(t.Output(), false)
	}
	return report
}
