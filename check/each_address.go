package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// AddressReports are the reports of all addresses of a name, from [AddressesOf].
type AddressReports []AddressReport

// AddressReport is the report of one address, or the error why there is none.
type AddressReport struct {
	Target Target
	Report *Report // nil if the address cannot be reached
	Err    error
}

// Verdict returns Fail if an address fails, else Error if one is inconclusive or cannot be
// reached, else Pass.
func (all AddressReports) Verdict() Verdict {
	verdict := Pass
	for _, a := range all {
		switch {
		case a.verdict() == Fail:
			return Fail
		case a.verdict() != Pass:
			verdict = Error
		}
	}
	return verdict
}

func (a AddressReport) verdict() Verdict {
	if a.Report == nil {
		return Error
	}
	return a.Report.Verdict()
}

// Summary returns how many addresses are honest, and which are not.
func (all AddressReports) Summary() string {
	var other []string
	for _, a := range all {
		if a.verdict() != Pass {
			other = append(other, a.Target.Address)
		}
	}
	if len(other) == 0 {
		return "honest: " + count(len(all), "address", "addresses")
	}
	words := "not honest"
	if all.Verdict() == Error {
		words = "inconclusive"
	}
	return fmt.Sprintf("%s: %d of %s: %s", words, len(other), count(len(all), "address", "addresses"), strings.Join(other, ", "))
}

// WriteText writes the report of each address, then a line about all.
func (all AddressReports) WriteText(w io.Writer, color bool) error {
	return all.WriteStyled(w, TextStyle{Color: color})
}

// WriteStyled is WriteText in that style.
func (all AddressReports) WriteStyled(w io.Writer, style TextStyle) error {
	return writeText(w, all.text, style)
}

func (all AddressReports) text(t *text) {
	for _, a := range all {
		if a.Report == nil {
			t.heading(Error, "error", a.Err.Error())
		} else {
			a.Report.text(t)
		}
		t.line("")
	}
	t.verdict(all.Verdict(), all.Summary())
}

type addressReportsJSON struct {
	Schema    int                 `json:"schema"`
	Verdict   Verdict             `json:"verdict"`
	Summary   string              `json:"summary"`
	Addresses []addressReportJSON `json:"addresses"`
}

type addressReportJSON struct {
	Address string  `json:"address"`
	Report  *Report `json:"report,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// WriteJSON writes one object with all reports. docs/report.md describes it.
func (all AddressReports) WriteJSON(w io.Writer) error { return writeJSON(w, all) }

// MarshalJSON returns what WriteJSON writes, on one line.
func (all AddressReports) MarshalJSON() ([]byte, error) {
	document := addressReportsJSON{Schema: Schema, Verdict: all.Verdict(), Summary: all.Summary()}
	for _, a := range all {
		one := addressReportJSON{Address: a.Target.Address, Report: a.Report}
		if a.Err != nil {
			one.Error = a.Err.Error()
		}
		document.Addresses = append(document.Addresses, one)
	}
	return json.Marshal(document)
}

// WriteJUnit writes a suite for each address.
func (all AddressReports) WriteJUnit(w io.Writer) error {
	var suites []junitSuite
	for _, a := range all {
		suites = append(suites, newJUnitSuite(a.Target.String(), a.elapsed(), a.properties(), a.testCases()))
	}
	return writeJUnit(w, suites...)
}

// WriteTAP writes the test points of all addresses, each with its address.
func (all AddressReports) WriteTAP(w io.Writer) error {
	var cases []testCase
	var properties []Row
	interrupted := false
	for _, a := range all {
		for _, c := range a.testCases() {
			c.rule = a.Target.Address + " " + c.rule
			cases = append(cases, c)
		}
		properties = append(properties, a.properties()...)
		interrupted = interrupted || a.Report != nil && a.Report.Interrupted
	}
	return writeTAP(w, properties, cases, interrupted)
}

func (a AddressReport) elapsed() time.Duration {
	if a.Report == nil {
		return 0
	}
	return a.Report.Elapsed
}

func (a AddressReport) properties() []Row {
	if a.Report == nil {
		return []Row{{"target", a.Target.String()}}
	}
	return a.Report.properties()
}

// testCases returns one case, which is an error, for an address that cannot be reached.
func (a AddressReport) testCases() []testCase {
	if a.Report == nil {
		return []testCase{{rule: notEchoRule, verdict: Error, class: classify(a.Err), message: a.Err.Error()}}
	}
	return a.Report.testCases()
}
