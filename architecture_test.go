package echod

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imports lists, for each package, the packages of this module that it imports. An
// import that is not listed fails, and so does a listed one that no file uses.
// Tests may import any package.
var imports = map[string][]string{
	"check":                      {"internal/agent", "internal/dial", "internal/draw", "internal/endpoint", "internal/errno", "internal/nearest", "internal/sequence", "internal/sock", "internal/trace", "internal/usage"},
	"check/checktest":            {"check"},
	"cmd/echod":                  {"internal/cli"},
	"docs/engines/include":       {},
	"docs/engines/naive":         {"internal/sys", "internal/trace"},
	"echotest":                   {"internal/engine", "internal/engine/gonet", "internal/sock", "internal/endpoint", "internal/certs", "internal/dial"},
	"internal/accept":            {"internal/errno"},
	"internal/admin":             {"internal/accept", "internal/sock", "internal/oplog", "internal/usage"},
	"internal/agent":             {"internal/accept", "internal/clock", "internal/dial", "internal/errno", "internal/sock", "internal/trace", "internal/usage"},
	"internal/certs":             {"internal/textfile"},
	"internal/cli":               {"check", "internal/admin", "internal/agent", "internal/certs", "internal/dial", "internal/draw", "internal/endpoint", "internal/engine", "internal/engines", "internal/hist", "internal/load", "internal/metrics", "internal/nearest", "internal/oplog", "internal/page", "internal/ping", "internal/report", "internal/sandbox", "internal/search", "internal/selftest", "internal/server", "internal/sock", "internal/spread", "internal/trace", "internal/watch", "internal/usage"},
	"internal/clock":             {},
	"internal/dial":              {"internal/endpoint", "internal/errno", "internal/usage"},
	"internal/dial/dialtest":     {},
	"internal/drain":             {},
	"internal/draw":              {},
	"internal/echo":              {},
	"internal/endpoint":          {"internal/nearest", "internal/usage"},
	"internal/engine":            {"internal/accept", "internal/errno", "internal/echo", "internal/sock", "internal/memory", "internal/trace"},
	"internal/engine/enginetest": {"check", "internal/accept", "internal/certs", "internal/echo", "internal/engine", "internal/sock", "internal/trace"},
	"internal/engine/gonet":      {"internal/accept", "internal/echo", "internal/engine", "internal/errno", "internal/memory", "internal/sock", "internal/trace"},
	"internal/engine/reactor":    {"internal/accept", "internal/drain", "internal/echo", "internal/engine", "internal/memory", "internal/poll", "internal/sock", "internal/sys", "internal/trace"},
	"internal/engines":           {"internal/engine", "internal/engine/gonet", "internal/engine/reactor", "internal/nearest", "internal/sys"},
	"internal/errno":             {},
	"internal/hist":              {},
	"internal/load":              {"internal/dial", "internal/hist", "internal/poll", "internal/sock", "internal/sys", "internal/usage"},
	"internal/memory":            {},
	"internal/metrics":           {"internal/accept", "internal/agent", "internal/certs", "internal/echo", "internal/engine", "internal/oplog", "internal/server", "internal/watch"},
	"internal/nearest":           {},
	"internal/oplog":             {},
	"internal/page":              {"internal/accept", "internal/agent", "internal/draw", "internal/echo", "internal/engine", "internal/sequence", "internal/sequence", "internal/server", "internal/trace", "internal/trace", "internal/watch"},
	"internal/ping":              {"internal/dial", "internal/hist", "internal/usage"},
	"internal/poll":              {"internal/sys"},
	"internal/report":            {"check", "internal/agent", "internal/dial", "internal/draw", "internal/hist", "internal/load", "internal/ping", "internal/search", "internal/sequence", "internal/trace", "internal/watch"},
	"internal/rulesdoc":          {"check", "echotest"},
	"internal/sandbox":           {},
	"internal/search":            {},
	"internal/selftest":          {"check", "internal/certs", "internal/engine", "internal/sock"},
	"internal/sequence":          {"internal/draw", "internal/trace"},
	"internal/server":            {"internal/drain", "internal/echo", "internal/engine", "internal/sock", "internal/trace", "internal/usage"},
	"internal/simulation":        {},
	"internal/sock":              {"internal/accept", "internal/endpoint", "internal/errno", "internal/sys"},
	"internal/spread":            {"internal/accept", "internal/agent", "internal/dial", "internal/draw", "internal/endpoint", "internal/hist", "internal/load", "internal/report", "internal/usage"},
	"internal/sys":               {},
	"internal/sys/sim":           {"internal/sys"},
	"internal/textfile":          {},
	"internal/trace":             {"internal/errno", "internal/sys"},
	"internal/usage":             {},
	"internal/watch":             {"internal/dial", "internal/endpoint", "internal/hist", "internal/ping", "internal/textfile", "internal/usage"},
}

// kernelPackages are the packages that may import golang.org/x/sys/unix.
var kernelPackages = []string{"docs/engines/naive", "internal/dial", "internal/engine/reactor", "internal/load", "internal/ping", "internal/poll", "internal/sandbox", "internal/sock", "internal/sys", "internal/sys/sim", "internal/trace"}

// otherModules are directories that hold modules of their own.
var otherModules = []string{"docs/engines/exercises", "lab", "packaging"}

func TestPackagesImportWhatTheTableLists(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, s := range sources(t) {
		if s.dir() == "." || s.isTest {
			continue
		}
		dir := s.dir()
		if used[dir] == nil {
			used[dir] = map[string]bool{}
		}
		for _, name := range s.imports() {
			if ours, ok := strings.CutPrefix(name, "echod/"); ok {
				used[dir][ours] = true
				if !slices.Contains(imports[dir], ours) {
					t.Errorf("%s imports %s: the table in architecture_test.go does not list it for %s", s.path, ours, dir)
				}
			}
			if name == "golang.org/x/sys/unix" {
				used[dir]["unix"] = true
			}
			if name == "net" && dir == "internal/engine/reactor" {
				t.Errorf("%s imports net: the reactor makes its sockets with system calls", s.path)
			}
		}
	}
	for dir := range used {
		if _, ok := imports[dir]; !ok {
			t.Errorf("package %s is not in the table of imports in architecture_test.go", dir)
		}
		if used[dir]["unix"] != slices.Contains(kernelPackages, dir) {
			t.Errorf("package %s: imports x/sys/unix: %v, listed in kernelPackages: %v", dir,
				used[dir]["unix"], slices.Contains(kernelPackages, dir))
		}
	}
	for dir, names := range imports {
		if used[dir] == nil {
			t.Errorf("package %s is in the table of imports, but does not exist", dir)
		}
		for _, name := range names {
			if !used[dir][name] {
				t.Errorf("the table of imports lists %s for %s, but no file there imports it", name, dir)
			}
		}
	}
}

// architecture returns ARCHITECTURE.md.
func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestArchitectureDrawsTheLayers reads the drawing in ARCHITECTURE.md: a line for each
// layer, with its name before a bar and its packages after it. Each package is in one
// layer, and imports only packages of lower layers.
func TestArchitectureDrawsTheLayers(t *testing.T) {
	_, drawing, _ := strings.Cut(architecture(t), "```layers\n")
	drawing, _, found := strings.Cut(drawing, "```")
	if !found {
		t.Fatal("ARCHITECTURE.md has no block that begins with ```layers")
	}
	layer := map[string]int{} // from 1, the highest
	for i, line := range strings.Split(strings.TrimSpace(drawing), "\n") {
		_, names, _ := strings.Cut(line, "|")
		for _, name := range strings.Fields(names) {
			if _, ok := imports[name]; !ok {
				name = "internal/" + name
			}
			if layer[name] != 0 {
				t.Errorf("ARCHITECTURE.md draws %s twice", name)
			}
			layer[name] = i + 1
		}
	}
	for dir, names := range imports {
		if layer[dir] == 0 {
			t.Errorf("the drawing in ARCHITECTURE.md lacks %s", dir)
		}
		for _, name := range names {
			if layer[name] <= layer[dir] {
				t.Errorf("ARCHITECTURE.md draws %s in layer %d and %s in layer %d, but %s imports %s",
					dir, layer[dir], name, layer[name], dir, name)
			}
		}
	}
	for name := range layer {
		if _, ok := imports[name]; !ok {
			t.Errorf("ARCHITECTURE.md draws %s, which is not a package", name)
		}
	}
}

// TestArchitectureListsEveryPackage reads the table in ARCHITECTURE.md. Each package,
// and each other module, has a row, and the file that it says to read first exists.
func TestArchitectureListsEveryPackage(t *testing.T) {
	listed := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\| `([^`]+)` \\|$")
	for _, match := range row.FindAllStringSubmatch(architecture(t), -1) {
		dir, first := match[1], match[2]
		listed[dir] = true
		if _, err := os.Stat(filepath.Join(dir, first)); err != nil {
			t.Errorf("ARCHITECTURE.md says to read %s/%s first: %v", dir, first, err)
		}
	}
	want := map[string]bool{}
	for dir := range imports {
		want[dir] = true
	}
	for _, root := range otherModules {
		for _, dir := range modulesBelow(t, root) {
			want[dir] = true
		}
	}
	for dir := range want {
		if !listed[dir] {
			t.Errorf("ARCHITECTURE.md has no row | `%s` | what it does | `read_first.go` |", dir)
		}
	}
	for dir := range listed {
		if !want[dir] {
			t.Errorf("ARCHITECTURE.md lists %s, which is neither a package nor a module", dir)
		}
	}
}

// modulesBelow returns the directories at or below root that hold a go.mod, without those in
// another of them.
func modulesBelow(t *testing.T, root string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "go.mod" {
			dirs = append(dirs, filepath.ToSlash(filepath.Dir(p)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool {
		return slices.ContainsFunc(dirs, func(outer string) bool { return strings.HasPrefix(dir, outer+"/") })
	})
}

// TestPollersHaveTheSameShape holds the pollers to the same methods in the same order, so
// that two of them can be read side by side.
func TestPollersHaveTheSameShape(t *testing.T) {
	want := []string{"Add", "Modify", "Remove", "CloseFD", "Wait", "Use", "Close"}
	method := regexp.MustCompile(`(?m)^func \(p \*\w+\) ([A-Z]\w+)\(`)
	pollers := 0
	for _, s := range sources(t) {
		if s.dir() != "internal/poll" || s.isTest || filepath.Base(s.path) == "poller.go" {
			continue
		}
		pollers++
		var got []string
		for _, match := range method.FindAllSubmatch(s.text, -1) {
			if name := string(match[1]); name != "WaitPrecisely" { // only bench needs it, and only of epoll
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has methods %v, want %v in this order", s.path, got, want)
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxPoller {
			t.Errorf("%s has %d lines, the limit is %d", s.path, n, maxPoller)
		}
	}
	if pollers < 3 {
		t.Errorf("found %d pollers in internal/poll", pollers)
	}
}
