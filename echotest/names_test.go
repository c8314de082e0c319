package echotest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"echod/echotest"
)

// TestNamesAndDocCommentsAgree compares each fault with its function: the fault
// "drops-fin" comes from func DropsFIN, whose doc comment starts with "DropsFIN " and
// the description of the fault.
func TestNamesAndDocCommentsAgree(t *testing.T) {
	comments := make(map[string]string) // by the name of the fault
	words := regexp.MustCompile(`FIN|HTTP|OK|CRLF|LF|[A-Z][a-z]*`)
	for name, comment := range docComments(t) {
		fault := strings.ToLower(strings.Join(words.FindAllString(name, -1), "-"))
		comments[fault] = strings.TrimPrefix(strings.Join(strings.Fields(comment), " "), name+" ")
	}
	descriptions := make(map[string]string)
	for _, f := range echotest.Faults() {
		descriptions[f.Name] = f.Description
	}
	for _, f := range echotest.ProxyFaults() {
		descriptions[f.Name] = f.Description
	}
	for name, description := range descriptions {
		for _, timeout := range []time.Duration{600 * time.Millisecond, 6 * time.Second} {
			description = strings.Replace(description, fmt.Sprintf(" %v", timeout), " some time", 1)
		}
		if !strings.HasPrefix(comments[name], description) {
			t.Errorf("%s: got the doc comment %q, want one that starts with %q", name, comments[name], description)
		}
		delete(comments, name)
	}
	for name := range comments {
		t.Errorf("%s is neither in Faults nor in ProxyFaults", name)
	}
}

// docComments returns the doc comments of all functions that return a fault.
func docComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
				continue
			}
			if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && (result.Name == "Fault" || result.Name == "ProxyFault") {
				comments[f.Name.Name] = f.Doc.Text()
			}
		}
	}
	return comments
}
