package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestTheRulesAreDocumentedAsTheyAre(t *testing.T) {
	want, err := document("../../check")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/rules.md is stale; write it anew with: go generate ./check\n(-want +got)\n%s", diff)
	}
}

func TestEveryRuleIsInTheDocument(t *testing.T) {
	text, err := document("../../check")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range check.Rules() {
		if strings.Count(text, "\n## "+r.ID+"\n") != 1 {
			t.Errorf("%s has not one heading of its own", r.ID)
		}
	}
}
