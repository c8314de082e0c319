package enginetest

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestPromisesOfCasesAreThoseOfTheDocument: each code in the text of a case is a promise
// of docs/promises.md, and the doc comment of the package lists all of them.
func TestPromisesOfCasesAreThoseOfTheDocument(t *testing.T) {
	document := codes(t, "../../../docs/promises.md", `\| \*\*([A-Z]\d)\*\*`)
	if len(document) < 20 {
		t.Fatalf("docs/promises.md: got %d promises, want at least 20: did its form change?", len(document))
	}
	if listed := codes(t, "enginetest.go", `(?m)^//\t([A-Z]\d)  `); !slices.Equal(listed, document) {
		t.Errorf("the doc comment lists %v, docs/promises.md has %v", listed, document)
	}
	code := regexp.MustCompile(`\b[A-Z]\d\b`)
	for _, c := range allCases() {
		for _, cited := range code.FindAllString(c.promise, -1) {
			if !slices.Contains(document, cited) {
				t.Errorf("case %q: docs/promises.md has no promise %s", c.name, cited)
			}
		}
	}
}

// codes returns what pattern finds in the file at path, sorted.
func codes(t *testing.T, path, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		all = append(all, match[1])
	}
	slices.Sort(all)
	return all
}
