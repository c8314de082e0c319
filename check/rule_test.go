package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

func TestEveryRuleIsComplete(t *testing.T) {
	id := regexp.MustCompile(`^(stream|tls|datagram)/[a-z]+(-[a-z]+)*$`)
	seen := make(map[string]bool)
	for _, r := range Rules() {
		if !id.MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q is not a valid ID, or not unique", r.ID)
		}
		seen[r.ID] = true
		if r.Sends == "" || r.Expects == "" || r.run == nil || len(r.Networks) == 0 {
			t.Errorf("%s is incomplete", r.ID)
		}
		if !strings.HasSuffix(r.Meaning, ".") {
			t.Errorf("%s: the meaning is not a sentence: %q", r.ID, r.Meaning)
		}
	}
}

func TestEveryCauseHasARemedyAndKnownClasses(t *testing.T) {
	known := make(map[Class]bool)
	for _, c := range Classes() {
		known[c.Class] = true
	}
	for _, r := range Rules() {
		for _, cause := range r.Causes {
			if cause.Text == "" || cause.Remedy == "" {
				t.Errorf("%s: a cause is incomplete: %+v", r.ID, cause)
			}
			for _, class := range cause.Classes {
				if !known[class] {
					t.Errorf("%s: unknown class %q", r.ID, class)
				}
			}
		}
	}
}

func TestTheFirstCauseThatFitsIsReported(t *testing.T) {
	r := Rule{Causes: []Cause{
		{Classes: []Class{Reset, Timeout}, Text: "one", Remedy: "fix one"},
		{Classes: []Class{Timeout}, Text: "two", Remedy: "fix two"},
		{Text: "any", Remedy: "fix any"},
	}}
	for class, want := range map[Class]string{Reset: "one", Timeout: "one", Silent: "any", "": "any"} {
		got := newResult(r, "", fail(class, "detail"))
		if got.Cause != want || got.Remedy != "fix "+want {
			t.Errorf("class %q: got the cause %q and the remedy %q, want those of %q", class, got.Cause, got.Remedy, want)
		}
	}
	r.Causes = r.Causes[:2]
	if got := newResult(r, "", fail(Silent, "detail")); got.Cause != "" || got.Remedy != "" {
		t.Errorf("no cause fits: got the cause %q and the remedy %q", got.Cause, got.Remedy)
	}
}

func TestARuleRunsOnlyWithTheFlagsThatItNeeds(t *testing.T) {
	all := Options{Agent: "x", Closed: "x", Long: true, Unsafe: true}
	for _, r := range Rules() {
		if got := r.missing(all); got != "" {
			t.Errorf("%s needs %s, which no option sets", r.ID, got)
		}
		if len(r.Needs) > 0 && r.missing(Options{}) != r.Needs[0] {
			t.Errorf("%s without options: got %q missing, want %q", r.ID, r.missing(Options{}), r.Needs[0])
		}
	}
}

func TestEveryClassHasAMeaning(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "failure.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := 0
	for _, decl := range file.Decls {
		if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.CONST {
			constants += len(group.Specs)
		}
	}
	seen := make(map[Class]bool)
	for _, c := range Classes() {
		if seen[c.Class] || c.Meaning == "" {
			t.Errorf("class %q is listed twice or has no meaning", c.Class)
		}
		seen[c.Class] = true
	}
	if len(seen) != constants {
		t.Errorf("failure.go declares %d classes, Classes lists %d", constants, len(seen))
	}
}
