package lab

import (
	"strings"
	"testing"
)

func TestParseReportReadsBothForms(t *testing.T) {
	const result = `{"rule": "stream/half-close", "verdict": "fail", "class": "reset"}`
	for _, document := range []string{
		`{"schema": 1, "results": [` + result + `]}`,
		`{"schema": 1, "path": {"results": [` + result + `]}, "direct": {"results": [{"rule": "stream/half-close", "verdict": "pass"}]}}`,
	} {
		report, err := ParseReport([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		if got, ok := report.Find("stream/half-close"); !ok || got.Verdict != "fail" || got.Class != "reset" {
			t.Errorf("%s: got %+v", document, got)
		}
		if err := report.checkDirect(); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestFailureWithoutTheProgramIsAnError(t *testing.T) {
	report, err := ParseReport([]byte(`{"path": {"results": [{"rule": "a", "verdict": "fail"}]},
		"direct": {"results": [{"rule": "a", "verdict": "fail", "detail": "why"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := report.checkDirect(); err == nil || !strings.Contains(err.Error(), "without the program, a: fail: why") {
		t.Errorf("got %v", err)
	}
}

func TestParseReportRefusesOtherText(t *testing.T) {
	for _, out := range []string{"", "{}", "echod: connection refused"} {
		if _, err := ParseReport([]byte(out)); err == nil {
			t.Errorf("%q: got no error", out)
		}
	}
}
