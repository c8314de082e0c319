package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteJUnit writes the report as JUnit XML, which most CI systems read: one suite, and
// one case for each rule. An inconclusive rule is an error, which those systems count
// separately from failures.
func (r *Report) WriteJUnit(w io.Writer) error {
	return writeJUnit(w, newJUnitSuite(r.Target.String(), r.Elapsed, r.properties(), r.testCases()))
}

// WriteJUnit writes the comparison as JUnit XML. Each rule is one case, which fails if
// the rule failed directly or through the path. The message says who is at fault.
func (c *Comparison) WriteJUnit(w io.Writer) error {
	name := c.Path.Target.String() + " and directly " + c.Direct.Target.String()
	return writeJUnit(w, newJUnitSuite(name, c.Elapsed(), c.properties(), c.testCases()))
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func newJUnitSuite(name string, elapsed time.Duration, properties []Row, cases []testCase) junitSuite {
	suite := junitSuite{Name: name, Tests: len(cases), Time: junitTime(elapsed)}
	for _, p := range properties {
		suite.Properties = append(suite.Properties, junitProperty{p.Label, p.Value})
	}
	for _, c := range cases {
		suite.add(c)
	}
	return suite
}

func writeJUnit(w io.Writer, suites ...junitSuite) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	if err := out.Encode(junitSuites{Suites: suites}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add appends one case. Its class name is the family of the rule.
func (s *junitSuite) add(c testCase) {
	family, name, _ := strings.Cut(c.rule, "/")
	out := junitCase{Class: "check." + family, Name: name, Time: junitTime(c.elapsed)}
	outcome := &junitOutcome{Message: c.message, Type: string(c.class)}
	switch c.verdict {
	case Fail:
		s.Failures++
		outcome.Text = lines(c.rows)
		out.Failure = outcome
	case Error:
		s.Errors++
		outcome.Text = lines(c.rows)
		out.Error = outcome
	case Skip:
		s.Skipped++
		out.Skipped = outcome
	default:
		out.Output = c.message
	}
	s.Cases = append(s.Cases, out)
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// lines returns rows as text, one on each line.
func lines(rows []Row) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "\n%s: %s", row.Label, row.Value)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
