package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentsShowTheCodeOfToday(t *testing.T) {
	paths, err := documents()
	if err != nil || len(paths) < 8 {
		t.Fatalf("got %d documents and %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := expand(text, root)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if diff := cmp.Diff(string(text), string(fresh)); diff != "" {
			t.Errorf("%s is stale: go generate ./docs/...\n%s", path, diff)
		}
	}
}

func TestExpandWritesADeclarationWithItsComment(t *testing.T) {
	got, err := expand([]byte("before\n<!-- include . find -->\nold\n<!-- end -->\nafter\n"), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n<!-- include . find -->\n```go\n// ./main.go\n\n// find returns ",
		"\nfunc find(", "\n}\n```\n<!-- end -->\nafter\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got\n%s\nwant it to contain\n%s", got, want)
		}
	}
	if strings.Contains(string(got), "old") || strings.Contains(string(got), "func describe") {
		t.Errorf("got\n%s", got)
	}
}

func TestExpandRefusesWhatDoesNotExist(t *testing.T) {
	_, err := expand([]byte("<!-- include . server.find -->\n<!-- end -->"), ".")
	if err == nil || err.Error() != ". has no declaration of server.find" {
		t.Errorf("got %v", err)
	}
}
