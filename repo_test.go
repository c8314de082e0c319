// Package echod holds no code: its tests keep the house in order. They read the
// source and fail when it no longer is what ARCHITECTURE.md says.
package echod

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"echod/internal/engines"
)

// arrows are the imports that the house allows: from a room to the rooms of
// ours that it may use. A room that is missing here is a failure, so a new one
// says at once where it stands.
var arrows = map[string][]string{
	"cmd/echod":                  {"internal/cli"},
	"internal/cli":               {"internal/server", "internal/engines", "internal/agent", "internal/selftest", "check", "internal/engine", "internal/sock", "internal/echo", "internal/nearest", "internal/dial", "internal/load", "internal/hist", "internal/report", "internal/certs", "internal/ping", "internal/watch", "internal/admin", "internal/metrics", "internal/page", "internal/accept", "internal/oplog", "internal/endpoint"},
	"internal/rulesdoc":          {"check"},
	"internal/selftest":          {"check", "internal/engine", "internal/sock", "internal/certs"},
	"internal/server":            {"internal/engines", "internal/drain", "internal/engine", "internal/sock", "internal/echo"},
	"internal/engines":           {"internal/engine", "internal/engine/gonet", "internal/engine/reactor", "internal/sys", "internal/nearest"},
	"internal/engine":            {"internal/accept", "internal/errno", "internal/echo", "internal/sock", "internal/memory"},
	"internal/engine/gonet":      {"internal/engine", "internal/drain", "internal/accept", "internal/errno", "internal/echo", "internal/sock", "internal/sys", "internal/memory"},
	"internal/engine/reactor":    {"internal/engine", "internal/drain", "internal/accept", "internal/echo", "internal/sock", "internal/sys", "internal/memory"},
	"internal/engine/enginetest": {"internal/engine", "internal/accept", "internal/echo", "internal/sock", "internal/sys", "internal/certs", "check"},
	"internal/drain":             {},
	"internal/accept":            {"internal/errno"},
	"internal/errno":             {},
	"internal/simulation":        {},
	"internal/sock":              {"internal/accept", "internal/sys", "internal/endpoint"},
	"internal/sys":               {},
	"internal/sys/sim":           {"internal/sys"},
	"internal/echo":              {},
	"check":                      {"internal/agent", "internal/dial", "internal/nearest", "internal/endpoint"},
	"internal/dial":              {"internal/endpoint"},
	"internal/certs":             {},
	"internal/hist":              {},
	"internal/nearest":           {},
	"internal/load":              {"internal/dial", "internal/hist", "internal/sys"},
	"internal/report":            {"internal/dial", "internal/hist", "internal/load"},
	"internal/page":              {},
	"internal/ping":              {"internal/dial", "internal/hist"},
	"internal/watch":             {"internal/dial", "internal/ping", "internal/endpoint"},
	"internal/agent":             {"internal/accept", "internal/sock", "internal/dial"},
	"internal/admin":             {"internal/accept", "internal/sock", "internal/oplog"},
	"internal/metrics":           {"internal/accept", "internal/server", "internal/engine", "internal/echo", "internal/agent", "internal/watch"},
	"check/checktest":            {"check"},
	"echotest":                   {"internal/engine", "internal/engine/gonet", "internal/sock", "internal/endpoint"},
	"internal/oplog":             {},
	"internal/endpoint":          {"internal/nearest"},
	"internal/memory":            {},
}

// kernelRooms may use golang.org/x/sys/unix. Everybody else asks them.
var kernelRooms = []string{"internal/sys", "internal/sys/sim", "internal/sock", "internal/engine/reactor",
	"internal/load"}

// modules are directories that hold modules of their own.
var modules = []string{"lab", "packaging"}

const (
	maxFile   = 400 // lines
	maxPoller = 130
	maxFunc   = 60
)

// source is one parsed file of the main module.
type source struct {
	path  string // slash-separated, from the root
	text  []byte
	fset  *token.FileSet
	file  *ast.File
	isTst bool
}

func (s source) dir() string { return path.Dir(s.path) }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains(modules, p) || p == ".git" || d.Name() == "testdata") {
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

func TestRoomsImportOnlyAlongTheArrows(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir() == "." || s.isTst {
			continue // a test may look at its room from anywhere
		}
		allowed, known := arrows[s.dir()]
		if !known {
			t.Errorf("%s: room %s is not in the table of arrows", s.path, s.dir())
			continue
		}
		for _, name := range s.imports() {
			room, ours := strings.CutPrefix(name, "echod/")
			if ours && !slices.Contains(allowed, room) {
				t.Errorf("%s imports %s; %s may import %v", s.path, room, s.dir(), allowed)
			}
			if name == "golang.org/x/sys/unix" && !slices.Contains(kernelRooms, s.dir()) {
				t.Errorf("%s imports x/sys/unix; only %v may", s.path, kernelRooms)
			}
			if name == "net" && s.dir() == "internal/engine/reactor" {
				t.Errorf("%s imports net; the reactor makes its sockets by hand", s.path)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTst && s.dir() != "." {
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
		if s.isTst {
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
	pollers := []string{"select.go", "poll.go", "epoll.go"}
	for _, s := range sources(t) {
		limit := maxFile
		if s.dir() == "internal/engine/reactor" && slices.Contains(pollers, path.Base(s.path)) {
			limit = maxPoller
		}
		if n := bytes.Count(s.text, []byte("\n")); n > limit {
			t.Errorf("%s has %d lines, the limit is %d: is it one thought?", s.path, n, limit)
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || s.isTst {
				continue // a test's table is as long as its specification
			}
			if n := s.fset.Position(fn.End()).Line - s.fset.Position(fn.Pos()).Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, the limit is %d", s.fset.Position(fn.Pos()), fn.Name.Name, n, maxFunc)
			}
		}
	}
}

// TestPollersHaveTheSameShape: reading two of them side by side is the lesson.
func TestPollersHaveTheSameShape(t *testing.T) {
	var shapes [][]string
	for _, name := range []string{"select.go", "poll.go", "epoll.go"} {
		text, err := os.ReadFile("internal/engine/reactor/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var shape []string
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "func (p *"); ok {
				_, method, _ := strings.Cut(rest, ") ")
				method, _, _ = strings.Cut(method, "(")
				if method != "control" {
					shape = append(shape, method)
				}
			}
		}
		shapes = append(shapes, shape)
	}
	want := []string{"add", "mod", "del", "drop", "wait", "close"}
	for i, got := range shapes {
		if !slices.Equal(got, want) {
			t.Errorf("poller %d has methods %v, want %v in this order", i, got, want)
		}
	}
}

// TestNamesSaySomething: no room called after nothing.
func TestNamesSaySomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "lib", "misc", "helper", "helpers"}
	for _, s := range sources(t) {
		if slices.Contains(empty, path.Base(s.dir())) {
			t.Errorf("%s: a package name that says nothing", s.path)
		}
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: func init; say it where it is used", s.fset.Position(fn.Pos()))
			}
		}
	}
}

// TestReadmeTellsWhatEnginesCan: the table of engines in README.md is what their
// Caps say, row by row.
func TestReadmeTellsWhatEnginesCan(t *testing.T) {
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

// TestDocsNameTestsThatExist: a test or a fuzz target that a document names holds what
// the document says, so it must be there.
func TestDocsNameTestsThatExist(t *testing.T) {
	declared := map[string]bool{}
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && s.isTst {
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
				t.Errorf("%s names %s, which is not there", doc, name)
			}
		}
	}
}
