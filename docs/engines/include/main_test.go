package main

import (
	"os"
	"path/filepath"
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

func TestExpandWritesAFunctionInC(t *testing.T) {
	source := "static int a;\n\n/* first is not it. */\nstatic int first(void)\n{\n\treturn second(1);\n}\n\n" +
		"/* second is\n * documented. */\nstatic int second(int a)\n{\n\tif (a) {\n\t\ta = 2;\n\t}\n\treturn a;\n}\n\nint third;\n"
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "x.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := expand([]byte("<!-- include x.c second -->\n<!-- end -->"), root)
	if err != nil {
		t.Fatal(err)
	}
	want := "<!-- include x.c second -->\n```c\n// x.c\n\n" +
		"/* second is\n * documented. */\nstatic int second(int a)\n{\n\tif (a) {\n\t\ta = 2;\n\t}\n\treturn a;\n}\n```\n<!-- end -->"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestExpandRefusesWhatDoesNotExist(t *testing.T) {
	for marker, want := range map[string]string{
		"<!-- include . server.find -->":                                ". has no declaration of server.find",
		"<!-- include main.go find -->":                                 "main.go has no declaration of find",
		"<!-- include testdata/none.c main -->":                         "open testdata/none.c: no such file or directory",
		"<!-- include ../../../lab/compare/yardstick/echo.c second -->": "../../../lab/compare/yardstick/echo.c has no function second",
	} {
		_, err := expand([]byte(marker+"\n<!-- end -->"), ".")
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", marker, err, want)
		}
	}
}
