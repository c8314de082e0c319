package echod

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"echod/internal/engines"
)

// TestEnginesAreDocumented compares the table of engines in docs/engines with their
// Caps, row by row.
func TestEnginesAreDocumented(t *testing.T) {
	text := read(t, "docs/engines/README.md")
	yes := map[bool]string{true: "yes", false: "no"}
	for _, e := range engines.All() {
		caps, highest := e.Caps(), "-"
		if caps.MaxFD > 0 {
			highest = strconv.Itoa(caps.MaxFD)
		}
		row := "| " + strings.Join([]string{e.Name(), strings.Join(caps.Networks, " "), highest,
			yes[caps.Loops], yes[caps.BusyPoll]}, " | ") + " | ["
		if !strings.Contains(text, "\n"+row) {
			t.Errorf("docs/engines/README.md has no row that begins with\n%s", row)
		}
	}
}

// TestLinksLeadToFiles follows the links between documents.
func TestLinksLeadToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, doc := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(read(t, doc), -1) {
			file, _, _ := strings.Cut(match[1], "#")
			if file == "" || strings.Contains(file, "://") || strings.HasPrefix(file, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), file)); err != nil {
				t.Errorf("%s links to %s: %v", doc, file, err)
			}
		}
	}
}

// TestDocumentsAndScriptsNameTestsThatExist holds because a document names a test as the
// proof of what it says, and a script skips or runs it.
func TestDocumentsAndScriptsNameTestsThatExist(t *testing.T) {
	declared := declaredTests(t)
	inDocument := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	inScript := regexp.MustCompile(`\b((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`)
	check := func(path string, named *regexp.Regexp) {
		for _, match := range named.FindAllStringSubmatch(read(t, path), -1) {
			if name := match[1]; !declared[name] {
				t.Errorf("%s names %s, which does not exist", path, name)
			}
		}
	}
	for _, path := range documents(t) {
		check(path, inDocument)
	}
	for _, path := range []string{"Makefile", ".ci/run", ".ci/race", ".ci/fuzz"} {
		check(path, inScript)
	}
}

// documents returns the paths of all documents.
func documents(t *testing.T) []string { return files(t, ".md", 30) }

// files returns the paths of all files whose names end in suffix, other modules
// included. There must be some.
func files(t *testing.T, suffix string, some int) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, suffix) {
			all = append(all, p)
		}
		return err
	})
	if err != nil || len(all) < some {
		t.Fatalf("got %d files whose names end in %s, and %v", len(all), suffix, err)
	}
	return all
}

// declaredTests returns the names of all tests and fuzz targets, those of other modules
// included.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	test := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, path := range files(t, "_test.go", 100) {
		for _, match := range test.FindAllStringSubmatch(read(t, path), -1) {
			declared[match[1]] = true
		}
	}
	return declared
}

// TestEveryFaultIsCovered reads the rows of docs/fault-matrix.md. Each names promises that
// docs/promises.md has, and tests, enginetest cases or scripts that exist, or says why it
// is not tested.
func TestEveryFaultIsCovered(t *testing.T) {
	matrix, promises := read(t, "docs/fault-matrix.md"), read(t, "docs/promises.md")
	declared := declaredTests(t)
	cases := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir() != "internal/engine/enginetest" {
			continue
		}
		for _, match := range regexp.MustCompile(`(?m)^\t\tname: +"(.+)",$`).FindAllSubmatch(s.text, -1) {
			cases[string(match[1])] = true
		}
	}
	proof := regexp.MustCompile("`((?:Test|Fuzz)[^`]+)`|\"([^\"]+)\"|`([^`]+\\.txtar)`")
	rows := 0
	for line := range strings.Lines(matrix) {
		cells := strings.Split(strings.Trim(line, "|\n"), " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == " fault" {
			continue
		}
		rows++
		if len(cells) != 5 {
			t.Errorf("a row has %d cells, want 5: %s", len(cells), line)
			continue
		}
		for _, promise := range strings.Split(cells[3], ", ") {
			code, name, _ := strings.Cut(promise, " ")
			if !strings.Contains(promises, "**"+code+"** "+name+" |") {
				t.Errorf("docs/promises.md has no promise %s: %s", promise, line)
			}
		}
		found := proof.FindAllStringSubmatch(cells[4], -1)
		if len(found) == 0 && !strings.HasPrefix(cells[4], "not tested: ") {
			t.Errorf("a row names no test: %s", line)
		}
		for _, match := range found {
			_, err := os.Stat(filepath.Join("internal/cli/testdata/script", match[3]))
			if match[1] != "" && !declared[match[1]] || match[2] != "" && !cases[match[2]] || match[3] != "" && err != nil {
				t.Errorf("docs/fault-matrix.md names %s, which does not exist", match[0])
			}
		}
	}
	if rows < 50 {
		t.Errorf("docs/fault-matrix.md has %d rows: did its form change?", rows)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmeAgreesWithTheMatrix compares what README.md says of programs in the middle with
// the summary in docs/matrix.md, which make matrix writes.
func TestReadmeAgreesWithTheMatrix(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| \[\d+\]\(\S+\) \| (\S+).*? \| .+? \| default.*? \| \d+ of \d+ fail \| (.*) \|$`)
	var programs, lossy, reset []string
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/matrix.md"), -1) {
		name, failed := match[1], match[2]
		if strings.HasSuffix(name, "'s") || slices.Contains(programs, name) {
			continue // an echo server, e.g. xinetd's echo; a program that is also there with TLS
		}
		programs = append(programs, name)
		if strings.Contains(failed, "half-close-owed") {
			lossy = append(lossy, name)
		}
		if strings.Contains(failed, "rst-to-client") {
			reset = append(reset, name)
		}
	}
	if len(programs) != 13 || len(lossy) != 8 || len(reset) != 13 {
		t.Errorf("docs/matrix.md has %d programs, %d that lose bytes and %d that do not pass on a reset: README.md says 13, 8 and 13",
			len(programs), len(lossy), len(reset))
	}
	readme := strings.Join(strings.Fields(read(t, "README.md")), " ")
	last := len(lossy) - 1
	if want := strings.Join(lossy[:last], ", ") + " and " + lossy[last]; !strings.Contains(readme, want) {
		t.Errorf("README.md does not say which programs lose bytes: %s", want)
	}
}

// TestStringsHaveNoListedPhrase looks for the phrases of .ci/vale/Echod/Phrases.yml in the
// strings of Go files: errors, log lines, output. vale reads only their comments.
func TestStringsHaveNoListedPhrase(t *testing.T) {
	listed := regexp.MustCompile(`(?m)^  (?:'(.+)'|"(.+)"): (.+)$`)
	var phrases []*regexp.Regexp
	var instead []string
	for _, match := range listed.FindAllStringSubmatch(read(t, ".ci/vale/Echod/Phrases.yml"), -1) {
		phrases = append(phrases, regexp.MustCompile(`(?i)\b(?:`+match[1]+match[2]+`)\b`))
		instead = append(instead, match[3])
	}
	if len(phrases) < 20 {
		t.Fatalf("found %d phrases: did the form of the file change?", len(phrases))
	}
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return true
			}
			for i, phrase := range phrases {
				if found := phrase.FindString(text.Value); found != "" {
					t.Errorf("%s: %q in a string: write %s", s.fset.Position(text.Pos()), found, instead[i])
				}
			}
			return true
		})
	}
}

// TestChangesHaveTheSectionsOfKeepAChangelog: every change is in a section, each section is there
// once, and the name of a version is its number and its date.
func TestChangesHaveTheSectionsOfKeepAChangelog(t *testing.T) {
	version, sections := "", map[string]bool{}
	for i, line := range strings.Split(read(t, "CHANGELOG.md"), "\n") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			if !versionHeading.MatchString(name) {
				t.Errorf("CHANGELOG.md:%d: the version %q: want Unreleased, or e.g. 1.2.3 - 2026-11-29", i+1, name)
			}
			version, sections = name, map[string]bool{}
		}
		if name, ok := strings.CutPrefix(line, "### "); ok {
			if !slices.Contains([]string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}, name) || sections[name] {
				t.Errorf("CHANGELOG.md:%d: the section %q of %s is a second one, or unknown", i+1, name, version)
			}
			sections[name] = true
		}
		if strings.HasPrefix(line, "* ") && len(sections) == 0 {
			t.Errorf("CHANGELOG.md:%d: a change without a section (Added, Changed, Fixed, …): %s", i+1, line)
		}
	}
	if version == "" {
		t.Error("CHANGELOG.md has no version")
	}
}

var versionHeading = regexp.MustCompile(`^(Unreleased|\d+\.\d+\.\d+(-[\w.]+)? - \d{4}-\d\d-\d\d)$`)
