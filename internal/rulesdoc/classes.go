package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// class is one constant of type check.Class and the comment beside it, which is
// the one place where its meaning is written down.
type class struct{ word, meaning string }

func classes(dir string) ([]class, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Join(dir, "verdict.go"), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var all []class
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			constant := spec.(*ast.ValueSpec)
			if name, ok := constant.Type.(*ast.Ident); !ok || name.Name != "Class" {
				continue
			}
			word, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				return nil, err
			}
			meaning := strings.TrimSpace(constant.Comment.Text())
			if meaning == "" {
				return nil, fmt.Errorf("%s: class %s has no comment beside it", files.Position(constant.Pos()), word)
			}
			all = append(all, class{word, meaning})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s declares no class", files.Position(file.Pos()))
	}
	return all, nil
}
