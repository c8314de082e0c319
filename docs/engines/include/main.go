// Command include copies functions of this repository into README.md and the chapters of
// docs/engines, so that they show the code that runs. There, these two lines enclose what
// it writes:
//
//	<!-- include internal/engine/reactor loop.iterate -->
//	<!-- end -->
//
// The first one names a directory and a declaration in it: a function, a type, or a
// method as TYPE.NAME. Or it names a file in C and a function in it.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:generate go run .

func main() {
	if err := update(); err != nil {
		fmt.Fprintln(os.Stderr, "include:", err)
		os.Exit(1)
	}
}

// root is the root of the module, seen from the directory of this package.
const root = "../../.."

// documents returns the paths of the files that may have markers.
func documents() ([]string, error) {
	chapters, err := filepath.Glob("../*.md")
	return append(chapters, root+"/README.md"), err
}

// update rewrites the documents that are stale.
func update() error {
	paths, err := documents()
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fresh, err := expand(text, root)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if bytes.Equal(fresh, text) {
			continue
		}
		if err := os.WriteFile(path, fresh, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var marked = regexp.MustCompile(`(?s)<!-- include (\S+) (\S+) -->\n.*?<!-- end -->`)

// expand returns text with the code of today between its markers.
func expand(text []byte, root string) ([]byte, error) {
	var failed error
	fresh := marked.ReplaceAllFunc(text, func(block []byte) []byte {
		match := marked.FindSubmatch(block)
		dir, name := string(match[1]), string(match[2])
		language, file := "go", dir
		var code []byte
		var err error
		if strings.HasSuffix(dir, ".c") {
			language = "c"
			code, err = findC(filepath.Join(root, dir), name)
		} else {
			file, code, err = find(filepath.Join(root, dir), name)
			file = dir + "/" + file
		}
		if err != nil && failed == nil {
			failed = err
		}
		return fmt.Appendf(nil, "<!-- include %s %s -->\n```%s\n// %s\n\n%s\n```\n<!-- end -->", dir, name, language, file, code)
	})
	return fresh, failed
}

// find returns the source of a declaration with its comment, and the file that has it.
func find(dir, name string) (file string, code []byte, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", nil, err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", nil, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return "", nil, err
		}
		for _, decl := range parsed.Decls {
			declared, comment := describe(decl)
			if declared != name {
				continue
			}
			start := decl.Pos()
			if comment != nil {
				start = comment.Pos()
			}
			return filepath.Base(path), text[set.Position(start).Offset:set.Position(decl.End()).Offset], nil
		}
	}
	return "", nil, fmt.Errorf("%s has no declaration of %s", dir, name)
}

// findC returns the source of a function in C with its comment. The function and its
// closing brace begin in the first column.
func findC(path, name string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	function := regexp.MustCompile(`(?m)^(?:/\*(?:[^*]|\*[^/])*\*/\n)?[a-z][^\n;{}]*\b` + regexp.QuoteMeta(name) + `\([^;{}]*\)\n\{\n(?:.*\n)*?\}$`)
	code := function.Find(text)
	if code == nil {
		return nil, fmt.Errorf("%s has no function %s", path, name)
	}
	return code, nil
}

// describe returns the name of what decl declares, as a chapter writes it, and its
// comment.
func describe(decl ast.Decl) (string, *ast.CommentGroup) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name, d.Doc
		}
		receiver := d.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		return fmt.Sprintf("%s.%s", receiver, d.Name.Name), d.Doc
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.TypeSpec); ok && len(d.Specs) == 1 {
			return spec.Name.Name, d.Doc
		}
	}
	return "", nil
}
