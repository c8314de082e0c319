package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"echod/check"
	"echod/internal/report"
	"echod/internal/trace"
)

// checked returns a report in which one rule failed with that class.
func checked(class check.Class) *check.Report {
	r := &check.Report{Target: check.Target{Network: "tcp", Address: "192.0.2.1:7"}, Elapsed: time.Second, Echod: "<1.2>",
		Results: []check.Result{
			{Rule: "stream/first-byte", Verdict: check.Pass, Offset: -1},
			{Rule: "stream/half-close", Verdict: check.Fail, Class: class, Offset: 4, Detail: "ended <early>", Meaning: "The reply is lost.", Remedy: "half-close"},
			{Rule: "stream/idle", Verdict: check.Skip, Offset: -1, Detail: "needs --long"},
			{Rule: "stream/churn", Verdict: check.Error, Offset: -1, Detail: "connect: too many open files"},
		}}
	if class == "" {
		r.Results[1] = check.Result{Rule: "stream/half-close", Verdict: check.Pass, Offset: -1}
	}
	return r
}

// asRead returns what Read returns for what a check wrote.
func asRead(t interface{ Fatal(...any) }, c check.Checked) report.Check {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := report.Read("check.json", strings.NewReader(string(text)))
	if err != nil || d.Check == nil {
		t.Fatal(fmt.Sprintf("got %+v, %v; want a check", d, err))
	}
	return report.Check{Name: "check", Checked: d.Check}
}

func checkPage(t *testing.T, checks ...report.Check) string {
	t.Helper()
	var b strings.Builder
	if err := report.WriteCheckHTML(&b, checks); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageOfACheckHasVerdictGridAndWords(t *testing.T) {
	both := asRead(t, check.Compare(checked(check.PrematureEOF), checked("")))
	page := checkPage(t, both)
	for part, want := range map[string]int{
		`<p class="verdict fail"><b aria-hidden="true">✗</b> the path fails 1 rule; 1 rule inconclusive (2s)</p>`: 1,
		`<td role="cell" class="v pass">`: 3, `<td role="cell" class="v fail">`: 1, `<td role="cell" class="v skip">`: 2, `<td role="cell" class="v error">`: 2,
		">PATH<": 1, ">DIRECT<": 1, `href="#finding-1-1"`: 1, `id="finding-1-1"`: 1, "ended &lt;early&gt;": 1,
		"<dt>remedy</dt><dd>half-close</dd>": 1, "<code>echod check --rule stream/half-close": 1, "script-src": 0, "http:": 0, "https:": 0,
	} {
		if got := strings.Count(page, part); got != want {
			t.Errorf("%s: got %d, want %d", part, got, want)
		}
	}
	elements(t, page, func(xml.StartElement, string) {})
}

func TestGridOfSeveralChecksHasTheLettersOfFailures(t *testing.T) {
	a, b := asRead(t, checked(check.PrematureEOF)), asRead(t, check.Compare(checked(check.Reset), checked("")))
	a.Name, b.Name = "one", "two"
	page := checkPage(t, a, b)
	for part, want := range map[string]int{
		`<a href="#finding-1-1" aria-label="fail: premature-eof at byte 4">F</a>`: 1, `<a href="#finding-2-1" aria-label="fail: reset at byte 4">R</a>`: 1, ">✓</td>": 2, `<a href="#check-1">one</a>`: 1, "A rule fails in 2 of 2 checks.": 1, `<a href="#check-2">two</a>`: 1, "F premature-eof: ": 1, "R reset: ": 1, "T timeout: ": 0,
		`title="two, stream/half-close: fail: reset at byte 4"`: 1,
	} {
		if got := strings.Count(page, part); got != want {
			t.Errorf("%s: got %d, want %d", part, got, want)
		}
	}
	wantGolden(t, "checks.txt", func(w io.Writer) error { return report.WriteCheckText(w, []report.Check{a, b}, check.TextStyle{}) })
}

// TestTableOfChecksFitsTheTerminal: columns that have no room are below the others.
func TestTableOfChecksFitsTheTerminal(t *testing.T) {
	var many []report.Check
	for i := range 12 {
		c := asRead(t, checked(check.Reset))
		c.Name = fmt.Sprint("program-", i)
		many = append(many, c)
	}
	var text strings.Builder
	if err := report.WriteCheckText(&text, many, check.TextStyle{Width: 40}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 40 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	for want, n := range map[string]int{
		"                    1  2  3  4  5  6  7\n": 1, "stream/half-close   R  R  R  R  R  R  R\n": 1,
		"                    8  9 10 11 12\n": 1, "stream/half-close   R  R  R  R  R\n": 1,
	} {
		if got := strings.Count(text.String(), want); got != n {
			t.Errorf("%q: got %d, want %d in\n%s", want, got, n, text.String())
		}
	}
}

func TestEachClassOfFailuresHasItsOwnLetter(t *testing.T) {
	seen := map[string]check.Class{}
	for _, class := range check.Classes() {
		a := asRead(t, checked(class.Class))
		page := checkPage(t, a, a)
		_, cell, _ := strings.Cut(page, `<td class="v fail"`)
		_, cell, _ = strings.Cut(cell, `<a href="#finding-1-1"`)
		_, cell, _ = strings.Cut(cell, ">")
		letter, _, _ := strings.Cut(cell, "<")
		if other, twice := seen[letter]; twice || len(letter) != 1 {
			t.Errorf("%s: got the letter %q, want one of its own, and not that of %s", class.Class, letter, other)
		}
		seen[letter] = class.Class
	}
}

// Every result of a check is read back, and written as valid HTML, as valid SVG and as text.
func TestEveryCheckIsDrawn(t *testing.T) {
	words := rapid.StringN(0, 40, 200)
	result := rapid.Custom(func(t *rapid.T) *check.Report {
		r := &check.Report{Target: check.Target{Network: rapid.SampledFrom([]string{"tcp", "tls", "udp"}).Draw(t, "network"), Address: "192.0.2.1:7"},
			Elapsed: time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "elapsed")), Echod: words.Draw(t, "echod"), Interrupted: rapid.Bool().Draw(t, "interrupted")}
		if rapid.Bool().Draw(t, "has a name") {
			r.Path = check.Path{RoundTrip: time.Millisecond, Rate: 1 << 20}
			r.Addresses = []check.Address{{Address: "192.0.2.3:7", Checked: true}, {Address: "192.0.2.4:7", Class: check.Timeout}}
		}
		if rapid.IntRange(0, 9).Draw(t, "not echo") == 0 {
			r.NotEcho = &check.NotEcho{Kind: check.KindText, Detail: words.Draw(t, "detail"), Seen: words.Draw(t, "seen"), Remedy: "another port"}
			return r
		}
		for _, rule := range check.Rules() {
			if rapid.Bool().Draw(t, "runs") {
				// Every result has a detail: a skip without a reason does not occur.
				r.Results = append(r.Results, check.Result{Rule: rule.ID, Offset: rapid.Int64Range(-1, 1<<40).Draw(t, "offset"),
					Verdict: rapid.SampledFrom([]check.Verdict{check.Pass, check.Fail, check.Skip, check.Error}).Draw(t, "verdict"),
					Class:   rapid.SampledFrom(check.Classes()).Draw(t, "class").Class, Detail: "why " + words.Draw(t, "detail"), Got: words.Draw(t, "got"),
					Meaning: words.Draw(t, "meaning"), Cause: words.Draw(t, "cause"), Remedy: words.Draw(t, "remedy")})
			}
		}
		return r
	})
	rapid.Check(t, func(rt *rapid.T) {
		var checks []report.Check
		for range rapid.IntRange(1, 3).Draw(rt, "checks") {
			var c check.Checked = result.Draw(rt, "report")
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 1:
				c = check.Compare(c.(*check.Report), result.Draw(rt, "direct"))
			case 2:
				c = check.AddressReports{{Target: check.Target{Network: "tcp", Address: "192.0.2.1:7"}, Report: c.(*check.Report)},
					{Target: check.Target{Network: "tcp", Address: "192.0.2.2:7"}, Err: errors.New("refused")}}
			}
			read := asRead(rt, c)
			if got, want := read.Verdict(), c.Verdict(); got != want {
				rt.Fatalf("read back: got %s, want %s", got, want)
			}
			checks = append(checks, read)
		}
		var page, picture, text strings.Builder
		if err := errors.Join(report.WriteCheckHTML(&page, checks), report.WriteCheckSVG(&picture, checks), report.WriteCheckText(&text, checks, check.TextStyle{})); err != nil {
			rt.Fatal(err)
		}
		ids, links := map[string]bool{}, []string{}
		elements(t, page.String(), func(e xml.StartElement, text string) {
			ids["#"+attribute(e, "id")] = true
			if e.Name.Local == "th" && attribute(e, "scope") == "" {
				rt.Fatalf("a heading without scope: %s", text)
			}
			if isSign := e.Name.Local == "a" || strings.HasPrefix(attribute(e, "class"), "v "); isSign && utf8.RuneCountInString(text) == 1 && attribute(e, "aria-label") == "" {
				rt.Fatalf("<%s>%s has only a sign", e.Name.Local, text)
			}
			if href := attribute(e, "href"); href != "" {
				links = append(links, href)
			}
			for _, name := range []string{"src", "xlink:href"} {
				if attribute(e, name) != "" {
					rt.Fatalf("<%s> loads %s", e.Name.Local, attribute(e, name))
				}
			}
		})
		for _, link := range links {
			if !ids[link] {
				rt.Fatalf("the page has no element %s", link)
			}
		}
		elements(t, picture.String(), func(xml.StartElement, string) {})
		if len(checks) == 1 {
			wantWords(rt, page.String(), checks[0])
		}
	})
}

func TestCheckThatIsInvalidIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema": 2, "results": []}`: "the report has schema 2, want 1",
		`{"schema": 1, "columns": []}`: "not a report of echod check: it has no results",
		`{"schema": 1, "network": "tcp", "results": [{"rule": "x", "verdict": "good"}]}`:                                     `results[0].verdict is "good": want pass, fail, skip or error`,
		`{"schema": 1, "network": "tcp", "results": [{"verdict": "pass"}]}`:                                                  "results[0] has no rule",
		`{"schema": 1, "network": "tcp", "results": [{"rule": "x", "verdict": "pass"}, {"rule": "x", "verdict": "fail"}]}`:   "results[1] is the second of x",
		`{"schema": 1, "network": "ipx", "results": []}`:                                                                     `network is "ipx": want tcp, tls, unix or udp`,
		`{"schema": 1, "direct": {"schema": 1}}`:                                                                             "a comparison without path or direct",
		`{"schema": 1, "path": {"schema": 1, "network": "tcp"}, "direct": {"schema": 1, "network": "tcp", "results": [{}]}}`: "direct: results[0] has no rule",
		`{"schema": 1, "path": {"schema": 1, "network": "tcp"}, "direct": {"schema": 3}}`:                                    "the report has schema 3, want 1",
		`{"schema": 1, "results": 5}`:        "line 1: results cannot be a number",
		`{"schema": "1"}`:                    "line 1: schema cannot be a string",
		`{"schema": 1, "addresses": []}`:     "not a report of echod check: it has no addresses",
		`{"schema": 1, "addresses": [{}]}`:   "addresses[0] has no address",
		`{"schema": 1, "results": [`:         "incomplete: the JSON ends too early",
		`<?xml version="1.0"?><testsuites/>`: "XML: want a JSON file; check writes it with --format json, in place of junit or html",
		"TAP version 14\n1..0\n":             "TAP: want a JSON file; check writes it with --format json, in place of tap",
		`[]`:                                 "not a result of echod bench or check: not a JSON object",
		``:                                   "empty: want a file that echod has written, e.g. with bench --format json",
	} {
		_, err := report.Read("check.json", strings.NewReader(text))
		if err == nil || err.Error() != "check.json: "+want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

var shown = regexp.MustCompile(`(?s)^.*?<body>|<[^>]*>`)

// wantWords checks that the page has each word of the text report.
func wantWords(t *rapid.T, page string, c report.Check) {
	for _, style := range []check.TextStyle{{Width: 1000}, {Width: 1000, Brief: true}} {
		var text strings.Builder
		if err := c.WriteStyled(&text, style); err != nil {
			t.Fatal(err)
		}
		words := readable(html.UnescapeString(shown.ReplaceAllString(page, " ")))
		for _, word := range strings.Fields(readable(ofRules.ReplaceAllString(text.String(), "rules"))) {
			if word = strings.Trim(word, ":;,"); !strings.Contains(words, word) && !onlyInText.MatchString(word) {
				t.Fatalf("the page lacks the word %q of the text\n%s", word, text.String())
			}
		}
	}
}

// readable returns text in lower case, without the characters that a page cannot have.
func readable(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if !unicode.IsSpace(r) && !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, text))
}

// ofRules matches how many rules have one reason. The table has all of them.
var ofRules = regexp.MustCompile(`[0-9]+ rules`)

// onlyInText matches the frame of lists: how many rules passed, in parentheses. The time of a rule,
// here always 0s, is not in the table of several addresses.
var onlyInText = regexp.MustCompile(`^\([0-9]+\)$|^(passed|skipped|interrupted|error|0s)$`)

// The life of the connection is drawn below the words of its failure, and what a peer has sent into
// it cannot become markup.
func TestPageOfACheckDrawsTheConnectionThatFailed(t *testing.T) {
	r := checked(check.PrematureEOF)
	r.Results[1].Life = []check.Step{
		{Conn: 1, Op: trace.Connect, Took: time.Millisecond, Rule: "stream/half-close"},
		{Conn: 1, Op: trace.Send, Time: time.Millisecond, N: 65536, Asked: 65536},
		{Conn: 1, Op: trace.Receive, Time: time.Millisecond, Took: 2 * time.Second, N: 65530, Asked: 65536},
		{Conn: 1, Op: trace.Receive, Time: 2001 * time.Millisecond, Asked: 6, Errno: "<b>"},
		{Conn: 1, Op: trace.Found, Time: 2001 * time.Millisecond, Why: "ended <early>"},
	}
	r.Results[1].Agent = &check.AgentReport{Received: 7, End: "fin", EndMS: 12}
	page := checkPage(t, asRead(t, r))
	for part, want := range map[string]int{
		`class="seq"`: 1, ">nothing for 2s<": 1, "receiving failed: &lt;b&gt;": 4, "<b>": 0, "+12ms received FIN": 1, ">64K</text>": 1, ">63K</text>": 1, `class="arrow fin"`: 1,
		"<dd>connected, sent 65536 bytes, nothing for 2s, received 65530 bytes, receiving failed: &lt;b&gt;</dd>": 1,
	} {
		if got := strings.Count(page, part); got != want {
			t.Errorf("%s: got %d, want %d", part, got, want)
		}
	}
	elements(t, page, func(xml.StartElement, string) {})
	r.Results[1].Life = nil
	if page := checkPage(t, asRead(t, r)); strings.Contains(page, "<svg") || strings.Contains(page, "<figure") {
		t.Errorf("a page without a life has a picture")
	}
}
