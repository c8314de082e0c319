package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

func TestEveryRuleSaysWhatItIs(t *testing.T) {
	id := regexp.MustCompile(`^(stream|tls|datagram)/[a-z]+(-[a-z]+)*$`)
	seen := make(map[string]bool)
	for _, r := range Rules() {
		if !id.MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q is no ID, or not its own", r.ID)
		}
		seen[r.ID] = true
		if r.Sends == "" || r.Expects == "" || r.run == nil || len(r.Networks) == 0 {
			t.Errorf("%s is incomplete", r.ID)
		}
		if !strings.HasSuffix(r.Meaning, ".") {
			t.Errorf("%s: the meaning is no sentence: %q", r.ID, r.Meaning)
		}
	}
}

func TestEveryKnownCauseIsOfARule(t *testing.T) {
	rules := make(map[string]bool)
	for _, r := range Rules() {
		rules[r.ID] = true
	}
	for _, c := range causes {
		if !rules[c.rule] {
			t.Errorf("a cause is known of %s, which is no rule", c.rule)
		}
	}
}

func TestEveryClassHasAMeaning(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "class.go", nil, 0)
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
		t.Errorf("class.go declares %d classes, Classes lists %d", constants, len(seen))
	}
}
