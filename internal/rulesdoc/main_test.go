package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestRulesFileIsUpToDate(t *testing.T) {
	got, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(document(), string(got)); diff != "" {
		t.Errorf("docs/rules.md is out of date; run: go generate ./check\n(-want +got)\n%s", diff)
	}
}

func TestEveryRuleHasOneHeading(t *testing.T) {
	for _, r := range check.Rules() {
		if n := strings.Count(document(), "\n## "+r.ID+"\n"); n != 1 {
			t.Errorf("%s: got %d headings, want 1", r.ID, n)
		}
	}
}
