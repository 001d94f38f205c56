package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// Source is one Go file.
type Source struct {
	// Path is relative to the root, with slashes.
	Path string
	Text string
	fset *token.FileSet
	tree *ast.File
}

// Parse reads a Go file from its text.
func Parse(path, text string) (*Source, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return &Source{Path: path, Text: text, fset: fset, tree: tree}, nil
}

// room is the directory of the file.
func (s *Source) room() string { return path.Dir(s.Path) }

// test reports whether only tests are built from the file.
func (s *Source) test() bool { return strings.HasSuffix(s.Path, "_test.go") }

// imports gives the paths the file imports.
func (s *Source) imports() []importSpec {
	specs := make([]importSpec, 0, len(s.tree.Imports))
	for _, spec := range s.tree.Imports {
		// The parser has checked that it is a quoted string.
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			imported = spec.Path.Value
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		specs = append(specs, importSpec{path: imported, local: local, pos: spec.Pos()})
	}
	return specs
}

// importSpec is one import: its path, and the name it has in the file.
type importSpec struct {
	path, local string
	pos         token.Pos
}

// uses gives every place where the file uses one of the names of a package.
func (s *Source) uses(imported string, names ...string) []token.Pos {
	local := ""
	for _, spec := range s.imports() {
		if spec.path == imported {
			local = spec.local
		}
	}
	if local == "" {
		return nil
	}
	var found []token.Pos
	ast.Inspect(s.tree, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); !ok || x.Name != local {
			return true
		}
		for _, name := range names {
			if selector.Sel.Name == name {
				found = append(found, selector.Pos())
			}
		}
		return true
	})
	return found
}

// inLoop reports whether a place lies in a for statement.
func (s *Source) inLoop(pos token.Pos) bool {
	found := false
	ast.Inspect(s.tree, func(n ast.Node) bool {
		loop, ok := n.(*ast.ForStmt)
		found = found || ok && loop.Pos() <= pos && pos < loop.End()
		return !found
	})
	return found
}

// at makes a violation of a place in the file.
func (s *Source) at(pos token.Pos, format string, args ...any) Violation {
	return Violation{Path: s.Path, Line: s.fset.Position(pos).Line, Detail: fmt.Sprintf(format, args...)}
}

// Violation is one breach of the rules.
type Violation struct {
	Path string
	// Line is from 1.
	Line   int
	Detail string
}

// String gives "path:line: detail".
func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.Path, v.Line, v.Detail) }

// matches reports whether a room is under one of the patterns.
func matches(patterns []string, room string) bool {
	for _, pattern := range patterns {
		base, below := strings.CutSuffix(pattern, "...")
		switch {
		case !below && pattern == room:
			return true
		case below && (base == "" || room+"/" == base || strings.HasPrefix(room, base)):
			return true
		}
	}
	return false
}

// within reports whether an import path is the given one or below it.
func within(imported, parent string) bool {
	return imported == parent || strings.HasPrefix(imported, parent+"/")
}
