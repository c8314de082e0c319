package check_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"echod/check"
	"echod/echotest"
)

// wantShort checks that the brief report fits on a screen.
func wantShort(t *testing.T, report *check.Report) string {
	t.Helper()
	const mostLines, mostColumns = 25, 100
	var text strings.Builder
	report.WriteBrief(&text, false)
	if n := strings.Count(text.String(), "\n"); n > mostLines {
		t.Errorf("got %d lines, want at most %d", n, mostLines)
	}
	for line := range strings.Lines(text.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > mostColumns {
			t.Errorf("got a line of %d columns, want at most %d: %s", n, mostColumns, line)
		}
	}
	t.Log("\n" + text.String())
	return text.String()
}

// With ECHOD_SOAK the checks have their usual budget.
func TestTheBriefReportOfOneFindingFitsOnAScreen(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	server := echotest.NewServer(t).URL()
	balancer := badServers[3]
	options := check.Options{Timeout: time.Second, Stall: time.Second, Budget: 15 * time.Second}
	if soakRuns() > 0 {
		options = check.Options{}
	}
	for _, tt := range []struct {
		name, url string
		want      string // is in the report
	}{
		{"an HTTP server", "tcp://" + web.Listener.Addr().String(), "this is not an echo: it answers like HTTP"},
		{"an MTU hole", echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), server).URL(), "also failed, probably for the same reason: "},
		{"one bad backend of three", echotest.NewRelay(t, balancer.onEvery(3), server).URL(), "cause one of several servers behind the address is broken"},
		{"a slow uplink", echotest.NewRelay(t, link(100<<10, 0), server).URL(), "did not fit into the budget of "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(t.Context(), parse(t, tt.url), options)
			if err != nil {
				t.Fatal(err)
			}
			report.Options.Timeout, report.Options.Stall = check.DefaultTimeout, check.DefaultStall // in the commands
			report.Options.Budget = check.DefaultBudget
			if got := wantShort(t, report); !strings.Contains(strings.Join(strings.Fields(got), " "), tt.want) {
				t.Errorf("the report lacks %q", tt.want)
			}
		})
	}
}
