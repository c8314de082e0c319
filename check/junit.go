package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteJUnit writes the report as JUnit XML, which most systems of continuous
// integration read: one suite, one case for each rule. What could not be told
// is an error, which those systems count apart from failures.
func (r *Report) WriteJUnit(w io.Writer) error {
	return writeJUnit(w, r.Target.String(), r.Elapsed, r.properties(), r.points())
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

func writeJUnit(w io.Writer, name string, elapsed time.Duration, properties []row, points []point) error {
	suite := junitSuite{Name: name, Tests: len(points), Time: junitTime(elapsed)}
	for _, p := range properties {
		suite.Properties = append(suite.Properties, junitProperty{p.label, p.value})
	}
	for _, p := range points {
		suite.add(p)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	if err := out.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add appends one case, named as those systems do by family and name.
func (s *junitSuite) add(p point) {
	family, name, _ := strings.Cut(p.rule, "/")
	c := junitCase{Class: "check." + family, Name: name, Time: junitTime(p.elapsed)}
	outcome := &junitOutcome{Message: p.message, Type: string(p.class)}
	switch p.verdict {
	case Fail:
		s.Failures++
		outcome.Text = lines(p.rows)
		c.Failure = outcome
	case Error:
		s.Errors++
		outcome.Text = lines(p.rows)
		c.Error = outcome
	case Skip:
		s.Skipped++
		c.Skipped = outcome
	default:
		c.Output = p.message
	}
	s.Cases = append(s.Cases, c)
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// lines are rows as a person reads them.
func lines(rows []row) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "\n%s: %s", row.label, row.value)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
