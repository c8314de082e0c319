package echod

import (
	"bytes"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"echod/internal/engines"
)

// TestReadmeListsTheEngines compares the table of engines in README.md with their
// Caps, row by row.
func TestReadmeListsTheEngines(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	for _, e := range engines.All() {
		caps, highest := e.Caps(), "-"
		if caps.MaxFD > 0 {
			highest = strconv.Itoa(caps.MaxFD)
		}
		row := "| " + strings.Join([]string{e.Name(), strings.Join(caps.Networks, " "), highest,
			yes[caps.Loops], yes[caps.BusyPoll]}, " | ") + " | ["
		if !bytes.Contains(text, []byte("\n"+row)) {
			t.Errorf("README.md has no row that begins with\n%s", row)
		}
	}
	if got, want := bytes.Count(text, []byte("](docs/engines/")), len(engines.All()); got != want {
		t.Errorf("README.md lists %d engines, the table has %d", got, want)
	}
}

// TestDocsNameTestsThatExist holds because a document names a test as the proof of what
// it says.
func TestDocsNameTestsThatExist(t *testing.T) {
	declared := map[string]bool{}
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && s.isTest {
				declared[fn.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) < 10 {
		t.Fatalf("got %d documents and %v", len(docs), err)
	}
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllSubmatch(text, -1) {
			if name := string(match[1]); !declared[name] {
				t.Errorf("%s names %s, which does not exist", doc, name)
			}
		}
	}
}
