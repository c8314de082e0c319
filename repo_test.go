// Package echod holds no code. Its tests read the source and the documents, and fail
// when these do not agree: this file has the rules for files, functions and names,
// architecture_test.go those for packages, docs_test.go those for documents.
package echod

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The sizes, in lines.
const (
	maxFile   = 400
	maxPoller = 130
	maxFunc   = 70 // of a function outside tests: a test's table is as long as its specification
)

// source is one parsed file of the main module.
type source struct {
	path   string // slash-separated, from the root
	text   []byte
	fset   *token.FileSet
	file   *ast.File
	isTest bool
}

func (s source) dir() string { return path.Dir(s.path) }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains(otherModules, p) || p == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(p), text, fset, file, strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("found only %d source files: the walk is broken", len(all))
	}
	return all
}

func (s source) imports() []string {
	var all []string
	for _, spec := range s.file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		all = append(all, name)
	}
	return all
}

func TestEveryPackageHasADocComment(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest && s.dir() != "." {
			continue
		}
		documented[s.dir()] = documented[s.dir()] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Recv == nil && d.Doc == nil {
					t.Errorf("%s: func %s has no doc comment", s.fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					ts, ok := spec.(*ast.TypeSpec)
					if ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
						t.Errorf("%s: type %s has no doc comment", s.fset.Position(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	}
}

func TestFilesAndFunctionsAreSmall(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > maxFile {
			t.Errorf("%s has %d lines, the limit is %d: split it by subject", s.path, n, maxFile)
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || s.isTest {
				continue
			}
			if n := s.fset.Position(fn.End()).Line - s.fset.Position(fn.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, the limit is %d", s.fset.Position(fn.Pos()), fn.Name.Name, n, maxFunc)
			}
		}
	}
}

// TestNamesSaySomething refuses package names that could mean anything, and func init,
// which runs where no reader sees it.
func TestNamesSaySomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "lib", "misc", "helper", "helpers"}
	for _, s := range sources(t) {
		if slices.Contains(empty, path.Base(s.dir())) {
			t.Errorf("%s: this package name could mean anything", s.path)
		}
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: func init: call it where it is needed", s.fset.Position(fn.Pos()))
			}
		}
	}
}

// TestCIRunsEverything: no step can be lost unnoticed. What lab/cluster/build
// compiles takes too long for CI.
func TestCIRunsEverything(t *testing.T) {
	text, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	steps := []string{"staticcheck", "make lint", ".ci/cross", ".ci/fuzz", "make matrix-quick", "make inject-quick", "make simulate",
		"ECHOD_TEST_SANDBOX_CASES=all", ".ci/vulnerabilities", ".ci/dist", ".ci/outside", ".ci/race"}
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		dir := filepath.ToSlash(filepath.Dir(path))
		if filepath.Base(path) == "go.mod" && dir != "." && !strings.HasPrefix(dir, "lab/cluster/") {
			steps = append(steps, "cd "+dir+" && go vet ./... &&")
		}
		return err
	})
	if err != nil || len(steps) < 17 {
		t.Fatalf("got steps %q, %v", steps, err)
	}
	for _, step := range steps {
		if !strings.Contains(string(text), step) {
			t.Errorf(".ci/run has no step %q", step)
		}
	}
	if !strings.HasSuffix(string(text), "\ngo test -count=1 ./...\n") {
		t.Error(".ci/run does not end with the test command of the README")
	}
}
