package comparison

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuildIsAProgramOrARevision(t *testing.T) {
	t.Parallel()
	repo, dir := t.TempDir(), t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=x", "-c", "user.email=x"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	program := write("program", "", 0o755)
	write("go.mod", "module x\n\ngo 1.26\n", 0o644)
	source := write("cmd/echod/main.go", "package main\n\nfunc main() { println(\"first\") }\n", 0o644)
	git("init", "--quiet")
	git("add", "--all")
	git("commit", "--quiet", "--message", "first")
	write("cmd/echod/main.go", "package main\n\nfunc main() { println(\"second\") }\n", 0o644)

	if got, err := FindBuild(t.Context(), repo, program, filepath.Join(dir, "a")); err != nil || got != program {
		t.Errorf("got %q, %v, want the program itself", got, err)
	}
	for _, what := range []string{"no-such-revision", source, repo, "--help", ""} { // not executable, a directory
		if got, err := FindBuild(t.Context(), repo, what, filepath.Join(dir, "b")); err == nil || !strings.Contains(err.Error(), "neither a program nor a git revision") {
			t.Errorf("%q: got %q, %v, want an error that says what it must be", what, got, err)
		}
	}
	built, err := FindBuild(t.Context(), repo, "HEAD", filepath.Join(dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(built).CombinedOutput(); err != nil || string(out) != "first\n" {
		t.Errorf("the build says %q, %v, want first: what is committed", out, err)
	}
	if trees := git("worktree", "list"); strings.Count(trees, "\n") != 1 {
		t.Errorf("git still has the temporary tree:\n%s", trees)
	}
}
