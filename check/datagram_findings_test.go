package check_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// checkDatagrams runs all rules on the server at url.
func checkDatagrams(t *testing.T, url string) *check.Report {
	t.Helper()
	report, err := check.Run(t.Context(), parse(t, url), check.Options{Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Each fault is one finding, which explains all other failures.
func TestAFaultOfDatagramsIsOneFinding(t *testing.T) {
	t.Parallel()
	path := echotest.NewUDPServer(t)
	server := func(f echotest.Fault) *echotest.Server { return echotest.NewBroken(t, f) }
	proxy := func(f echotest.ProxyFault) *echotest.Server { return echotest.NewBrokenProxy(t, f, path.URL()) }
	for _, tt := range []struct {
		name          string
		server        *echotest.Server
		rule          string
		class         check.Class
		evidence      check.Evidence
		detail, cause string
	}{
		{"mixes up clients", server(echotest.MixesUpClients()), "datagram/exact", check.Corrupt, check.OtherConnection,
			`^\d+ B: what came back is not the datagram that was sent: another socket sent it, to which it belongs \(\d+ B\); sizes that failed: `,
			"a buffer that is filled again"},
		{"answers once", server(echotest.AnswersOnce()), "datagram/exact", check.Silent, check.SourceLimit,
			`^only the first datagram of a source came back, and none of \d+ later ones; of 5 new sockets, 5 got an answer$`, "answers a client once"},
		{"stops answering", server(echotest.StopsAnswering()), "datagram/exact", check.Silent, check.Stopped,
			`^after \d\d datagrams nothing came back: of these, \d+ % \(\d of \d\d\) were lost, and all of \d+ later ones; none of 5 new sockets got an answer$`,
			"a server that ends"},
		{"truncates to 512 bytes", server(echotest.TruncatesShortDatagrams()), "datagram/exact", check.Truncated, "",
			`^1232 B: only the first 512 bytes came back; sizes that failed: 1232–65507 B$`, "a receive buffer"},
		{"changes the mapping", proxy(echotest.ChangesMapping()), "datagram/order-loss", check.WrongSource, check.SourceChanged,
			`^\d+ answers are wrong, the first: datagram [4-9]\d\d: sent to \S+, answered by \S+; \d{3} answers before it came from the right address$`, "a NAT or a load balancer"},
		{"changes 64 bytes", proxy(echotest.ChangesSmallDatagrams()), "datagram/exact", check.Corrupt, check.Changed,
			`^64 B: byte 32 differs`, "a server of another protocol"},
		{"another port for large ones", proxy(echotest.ChangesLargeSourcePort()), "datagram/source", check.WrongSource, "",
			`^2048 B: sent to `, "lets the kernel choose"},
		{"delays large ones", proxy(echotest.ProxyFault{Path: echotest.Path{Faults: []echotest.PathFault{{
			Direction: echotest.ToClient, MinSize: 1501, Do: echotest.Delay, After: 4 * time.Second,
		}}}}), "datagram/exact", check.Late, "",
			`^\d+ of \d+ answers to datagrams of 2048–65507 B came after more than the timeout of 3s, the last one after `, "a long queue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report := checkDatagrams(t, tt.server.URL())
			var found []check.Result
			for _, r := range report.Results {
				if r.Verdict != check.Pass && r.Verdict != check.Skip && r.ExplainedBy == "" {
					found = append(found, r)
				}
			}
			if len(found) != 1 {
				t.Fatalf("got %d findings, want 1:\n%s", len(found), textOf(report))
			}
			got := found[0]
			if got.Rule != tt.rule || got.Class != tt.class || got.Evidence != tt.evidence ||
				!regexp.MustCompile(tt.detail).MatchString(got.Detail) || !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("want %s %s %s: %s, cause %q\n%s", tt.rule, tt.class, tt.evidence, tt.detail, tt.cause, textOf(report))
			}
		})
	}
}

func textOf(report *check.Report) string {
	var b strings.Builder
	report.WriteText(&b, false)
	return b.String()
}

func TestOrderLossTellsALimitOnTheRateFromLoss(t *testing.T) {
	t.Parallel()
	random := echotest.ProxyFault{Path: echotest.Path{Seed: 1, Faults: []echotest.PathFault{{Chunks: echotest.Chance(0.5), Do: echotest.Drop}}}}
	// An outage is not a limit, whether it ends with the datagrams or before.
	outage := func(until int) string {
		var faults []echotest.PathFault
		for n := 300; n < until; n++ {
			faults = append(faults, echotest.PathFault{Direction: echotest.ToServer, MinSize: 64, MaxSize: 64, Chunks: echotest.Nth(n), Do: echotest.Drop})
		}
		return echotest.NewRelay(t, echotest.Path{Faults: faults}, echotest.NewUDPServer(t).URL()).URL()
	}
	for _, tt := range []struct {
		name, url, detail string
	}{
		{"outage", outage(700), `^1000 sent: 4\d\d lost, 0 duplicated, 0 out of order; \d{3} of the lost ones in a row, within \S+s$`},
		{"outage at the end", outage(1001), `^1000 sent: 7\d\d lost, 0 duplicated, 0 out of order; \d{3} of the lost ones in a row, within \S+s$`},
		{"limit", echotest.NewBroken(t, echotest.LimitsDatagramRate()).URL(),
			`^1000 sent: \d+ lost, 0 duplicated, 0 out of order; of 40 sent at 40/s, 0 lost: something limits the rate, to about \d+ datagrams/s$`},
		{"random loss", echotest.NewBrokenProxy(t, random, echotest.NewUDPServer(t).URL()).URL(),
			`^1000 sent: 7\d\d lost, 0 duplicated, 0 out of order$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runRule(t, tt.url, "datagram/order-loss", check.Options{})
			wantDetail(t, got, check.Pass, "", tt.detail)
		})
	}
}
