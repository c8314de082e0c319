//go:build linux

// Package exercises holds no code. Its tests prove that each exercise fails as it is given,
// for the reason that it is about, and passes as it is solved.
package exercises

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"echod/docs/engines/exercises/judge"
)

// exercises lists the directories, and for each the subtests that fail as it is given and a
// part of what go test then says. All others of its subtests pass.
var exercises = []struct {
	dir   string
	fails []string
	says  string
}{
	{"01-short-write", []string{"stream/half-close-owed"}, "a short write whose remaining bytes are dropped"},
	{"02-one-blocks-all", []string{"stream/concurrency"}, "blocks in writing to the one that does not read"},
	{"03-descriptors", []string{"judge/sleeps-without-descriptors"}, "of 100 looks"},
	{"04-fd-set", []string{"judge/beyond-1023"}, "panic: runtime error: index out of range"},
	{"05-eagain", []string{"stream/no-early-fin", "stream/slow-reader"}, "ended a stream that the client had not ended"},
	{"06-epollout", []string{"stream/slow-reader"}, "nothing arrived for 5s after"},
	{"07-hang-up", []string{"judge/sleeps-without-clients"}, "of 100 looks"},
	{"08-unread-input", []string{"stream/half-close-owed"}, "stream/half-close-owed: reset"},
	{"09-half-close", []string{"stream/half-close-owed"}, "stream/half-close-owed: premature-eof"},
	{"10-urgent-data", []string{"stream/urgent"}, "is missing: the urgent one"},
}

// Sizes, in lines.
const (
	maxServer   = 120
	maxSolution = 24 // lines that differ between the server as given and the solution
	minReadme   = 10
	maxReadme   = 25
)

// result is what go test says of one package.
type result struct {
	output string
	passed bool
}

// leaf is a line about a subtest that has none below it.
var leaf = regexp.MustCompile(`--- (PASS|FAIL|SKIP): TestServer/([\w-]+/[\w-]+) \(`)

// subtests returns the names of the subtests that end with PASS, FAIL or SKIP.
func (r result) subtests(end string) (names []string) {
	for _, match := range leaf.FindAllStringSubmatch(r.output, -1) {
		if match[1] == end {
			names = append(names, match[2])
		}
	}
	slices.Sort(names)
	return names
}

// runAll runs the tests of all exercises side by side, and returns the results by directory.
// The error is not about tests that fail.
func runAll(tags string) (map[string]result, error) {
	args := []string{"test", "-json", "-count=1", "-p=10", "-tags=" + tags}
	for _, e := range exercises {
		args = append(args, "./"+e.dir)
	}
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer // may have lines about downloads
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return nil, err
	}
	results, compiler := map[string]result{}, ""
	for decoder := json.NewDecoder(bytes.NewReader(stdout)); ; {
		var event struct{ Action, Package, Test, Output string }
		if err := decoder.Decode(&event); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if event.Action == "build-output" {
			compiler += event.Output
			continue
		}
		dir := filepath.Base(event.Package)
		r := results[dir]
		r.output += event.Output
		r.passed = r.passed || event.Action == "pass" && event.Test == ""
		results[dir] = r
	}
	if compiler != "" || len(results) == 0 {
		return nil, fmt.Errorf("go test -tags=%s:\n%s%s", tags, compiler, &stderr)
	}
	return results, nil
}

func TestExercisesFailAsGivenAndPassAsSolved(t *testing.T) {
	t.Parallel()
	var given, solved map[string]result
	var errGiven, errSolved error
	var both sync.WaitGroup
	both.Go(func() { given, errGiven = runAll("") })
	both.Go(func() { solved, errSolved = runAll("solved") })
	both.Wait()
	if err := errors.Join(errGiven, errSolved); err != nil {
		t.Fatal(err)
	}
	for _, e := range exercises {
		t.Run(e.dir, func(t *testing.T) {
			given, solved := given[e.dir], solved[e.dir]
			if got := given.subtests("FAIL"); given.passed || !slices.Equal(got, e.fails) {
				t.Errorf("as given: got failures of %q, want %q", got, e.fails)
			}
			if !strings.Contains(strings.Join(strings.Fields(given.output), " "), e.says) {
				t.Errorf("as given: missing: %s", e.says)
			}
			if !solved.passed || len(solved.subtests("SKIP")) > 0 {
				t.Error("the solution does not pass, or something was skipped")
			}
			for _, name := range e.fails {
				if !slices.Contains(solved.subtests("PASS"), name) {
					t.Errorf("the solution does not pass %s", name)
				}
			}
			if t.Failed() {
				t.Logf("as given:\n%s\nas solved:\n%s", given.output, solved.output)
			}
		})
	}
}

// TestSolutionsPassAllRules holds because an exercise has exactly one bug: the rules that its
// own test runs do not see the others.
func TestSolutionsPassAllRules(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, e := range exercises {
		t.Run(e.dir, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(bin, e.dir)
			if text, err := exec.Command("go", "build", "-tags=solved", "-o", path, "./"+e.dir).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			judge.StartCommand(t, exec.Command(path, "0")).CheckAll(t)
		})
	}
}

// TestExercisesAreComplete compares the list with the directories, with the documents that
// link to them, and with the limits on sizes.
func TestExercisesAreComplete(t *testing.T) {
	dirs, err := filepath.Glob("[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	readme, chapters := read(t, "README.md"), ""
	paths, err := filepath.Glob("../[0-9]-*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		chapters += read(t, path)
	}
	for _, e := range exercises {
		dirs = slices.DeleteFunc(dirs, func(dir string) bool { return dir == e.dir })
		if !strings.Contains(readme, "]("+e.dir+"/README.md)") || !strings.Contains(chapters, "](exercises/"+e.dir+"/README.md)") {
			t.Errorf("README.md here and a chapter must link to %s/README.md", e.dir)
		}
		text := read(t, e.dir+"/README.md")
		if n := strings.Count(text, "\n"); n < minReadme || n > maxReadme || !strings.Contains(text, "<details>") {
			t.Errorf("%s/README.md: got %d lines, want %d to %d, and a hint in <details>", e.dir, n, minReadme, maxReadme)
		}
		given, solved := read(t, e.dir+"/server.go"), read(t, e.dir+"/solved.go")
		if n := strings.Count(given, "\n"); n > maxServer {
			t.Errorf("%s/server.go has %d lines, the limit is %d", e.dir, n, maxServer)
		}
		if n := differing(given, solved); n > maxSolution {
			t.Errorf("%s: %d lines differ between server.go and solved.go, the limit is %d", e.dir, n, maxSolution)
		}
	}
	if len(dirs) > 0 {
		t.Errorf("not in the list of exercises: %q", dirs)
	}
}

// differing returns how many lines are in one of the texts and not in the other.
func differing(a, b string) int {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]++
	}
	for line := range strings.Lines(b) {
		count[line]--
	}
	n := 0
	for times := range maps.Values(count) {
		n += max(times, -times)
	}
	return n
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
