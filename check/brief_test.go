package check_test

import (
	"cmp"
	"net/http/httptest"
	"slices"
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
	report.WriteStyled(&text, check.TextStyle{Brief: true})
	if n := strings.Count(text.String(), "\n"); n > mostLines {
		t.Errorf("got %d lines, want at most %d", n, mostLines)
	}
	for line := range strings.Lines(text.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > mostColumns {
			t.Errorf("got a line of %d columns, want at most %d: %s", n, mostColumns, line)
		}
	}
	if t.Failed() {
		t.Log("\n" + text.String())
	}
	return text.String()
}

// Without ECHOD_SOAK only the HTTP server is checked: the others take up to a minute.
func TestTheBriefReportOfOneFindingFitsOnAScreen(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	server := echotest.NewServer(t).URL()
	for _, tt := range []struct {
		name, url string
		want      string // is in the report
	}{
		{"an HTTP server", "tcp://" + web.Listener.Addr().String(), "this is not an echo: it answers like HTTP"},
		{"an MTU hole", echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), server).URL(), "also failed, probably for the same reason: "},
		{"one bad backend of three", echotest.NewRelay(t, badServers[3].onEvery(3), server).URL(), "cause one of several servers behind the address is broken"},
		{"a slow uplink", echotest.NewRelay(t, link(100<<10, 0), server).URL(), "did not fit into the budget of "},
	}[:min(4, 1+3*soakRuns())] {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(t.Context(), parse(t, tt.url), check.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := wantShort(t, report); !strings.Contains(strings.Join(strings.Fields(got), " "), tt.want) {
				t.Errorf("the report lacks %q", tt.want)
			}
		})
	}
}

// The longest words of every rule leave room for seven rules with the same reason.
func TestTheBriefReportOfEveryCauseFitsOnAScreen(t *testing.T) {
	rules := slices.DeleteFunc(check.Rules(), func(r check.Rule) bool { return !r.Fits("tcp") })
	for i, rule := range rules {
		for _, cause := range slices.Concat(rule.Causes, check.CommonCauses()) {
			report := sample()
			report.Path = check.Path{RoundTrip: time.Millisecond, Rate: 1 << 20}
			report.Results = nil
			for k, other := range rules {
				result := check.Result{Rule: other.ID, Verdict: check.Pass, Offset: -1, Detail: "a note"}
				switch {
				case k == i:
					result = check.Result{Rule: rule.ID, Verdict: check.Fail, Class: check.PrematureEOF, Offset: 512 << 20,
						Detail:  strings.Repeat("what was seen in some words ", 3),
						Meaning: cmp.Or(cause.Meaning, rule.Meaning), Cause: cause.Text, Remedy: cause.Remedy}
				case len(other.Needs) > 0 && !slices.Equal(other.Needs, rule.Needs):
					result.Verdict, result.Detail = check.Skip, "needs "+other.Needs[0]
				case k%3 == 0 && len(other.Needs) == 0:
					result.Verdict, result.ExplainedBy = check.Fail, rule.ID
				}
				report.Results = append(report.Results, result)
			}
			wantShort(t, report)
			if t.Failed() {
				return
			}
		}
	}
}

func TestTheBriefReportHasNoEmptyParagraph(t *testing.T) {
	report := sample()
	report.Results = report.Results[1:2]
	if got := wantShort(t, report); strings.Contains(got, "\n\n\n") {
		t.Errorf("got two empty lines:\n%s", got)
	}
}
