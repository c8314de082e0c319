package echotest_test

import (
	"net"
	"os"
	"slices"
	"testing"

	"echod/check"
	"echod/echotest"
)

func TestHonestServerPassesEveryRule(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	for _, network := range []string{"tcp", "tls", "udp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			report := wantHonest(t, pathThrough(t, network, func(upstream string) *echotest.Server {
				return echotest.NewRelay(t, echotest.Path{TLS: network == "tls"}, upstream)
			}))
			skipped := slices.DeleteFunc(withVerdict(report, check.Skip), func(id string) bool {
				// Two rules take minutes; loop-guard needs the source port, which a proxy replaces.
				return id == "stream/idle" || id == "datagram/nat-idle" || id == "datagram/loop-guard"
			})
			if len(skipped) > 0 {
				t.Errorf("got these rules skipped: %v", skipped)
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

func TestExample(t *testing.T) { testEchoOnce(t) }

func TestAddrCanBeDialed(t *testing.T) {
	dir, err := os.MkdirTemp("", "a b%") // characters that are escaped in a URL
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	server := echotest.NewUnixServer(t)
	conn, err := net.Dial("unix", server.Addr())
	if err != nil {
		t.Fatalf("%s: %v", server.URL(), err)
	}
	conn.Close()
}
