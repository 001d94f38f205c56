package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// Check gives what a Go file has against the rules, in no particular order.
func Check(rules Rules, source *Source) []Violation {
	return slices.Concat(
		checkDirection(rules, source),
		checkOwners(rules, source),
		checkPurity(rules, source),
		checkSleep(rules, source),
		checkName(source),
		checkFunctions(source),
		checkLength(source),
		checkSkips(source),
	)
}

// CheckText gives what any file has against the rules.
func CheckText(rules Rules, path, text string) []Violation {
	var found []Violation
	for _, word := range rules.Words {
		if !strings.Contains(text, word) {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			if strings.Contains(line, word) {
				found = append(found, Violation{Path: path, Line: i + 1, Detail: "contains " + word})
			}
		}
	}
	return found
}

// checkDirection holds imports within the repository to the table. Tests may import what they like: the
// compiler forbids them cycles, and nothing is built on them.
func checkDirection(rules Rules, source *Source) []Violation {
	if source.test() {
		return nil
	}
	allowed, known := rules.Imports[source.room()]
	if !known {
		return []Violation{source.at(source.tree.Package, "room %s is not in the table of imports", source.room())}
	}
	var found []Violation
	for _, spec := range source.imports() {
		if !within(spec.path, module) {
			continue
		}
		room := strings.TrimPrefix(strings.TrimPrefix(spec.path, module), "/")
		if !matches(allowed, room) {
			found = append(found, source.at(spec.pos, "%s must not import %s", source.room(), room))
		}
	}
	return found
}

func checkOwners(rules Rules, source *Source) []Violation {
	if source.test() {
		return nil
	}
	var found []Violation
	for _, spec := range source.imports() {
		for library, rooms := range rules.Owners {
			if within(spec.path, library) && !matches(rooms, source.room()) {
				found = append(found, source.at(spec.pos, "%s must not import %s, only %s may",
					source.room(), spec.path, strings.Join(rooms, ", ")))
			}
		}
	}
	return found
}

// checkPurity refuses whatever reaches out of the process or differs from run to run. Package time itself
// is allowed: its types and its parsing are pure.
func checkPurity(rules Rules, source *Source) []Violation {
	if source.test() || !slices.Contains(rules.Pure, source.room()) {
		return nil
	}
	var found []Violation
	for _, spec := range source.imports() {
		for _, impure := range []string{
			"crypto/rand", "database/sql", "io/ioutil", "log", "math/rand", "net", "os", "syscall", "golang.org/x/sys",
		} {
			if within(spec.path, impure) {
				found = append(found, source.at(spec.pos, "%s is pure and must not import %s", source.room(), spec.path))
			}
		}
	}
	for _, pos := range source.uses("time", "After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep",
		"Tick", "Until") {
		found = append(found, source.at(pos, "%s is pure and must not read the clock", source.room()))
	}
	return found
}

// checkSleep refuses to wait by the clock: code waits for an event, and so does a test. A test may pause
// between two looks at a condition, so a loop is let pass there. Inside a testing/synctest bubble the
// clock is virtual, and sleeping is how time passes.
func checkSleep(rules Rules, source *Source) []Violation {
	if _, ok := rules.Sleepers[source.Path]; ok {
		return nil
	}
	for _, spec := range source.imports() {
		if spec.path == "testing/synctest" {
			return nil
		}
	}
	var found []Violation
	for _, pos := range source.uses("time", "Sleep") {
		if !source.test() || !source.inLoop(pos) {
			found = append(found, source.at(pos, "calls time.Sleep; wait for what is to happen instead"))
		}
	}
	return found
}

// checkName refuses packages whose names do not say what they are.
func checkName(source *Source) []Violation {
	switch name := strings.TrimSuffix(source.tree.Name.Name, "_test"); name {
	case "base", "common", "helper", "helpers", "misc", "model", "models", "shared", "types", "util", "utils":
		return []Violation{source.at(source.tree.Name.Pos(), "package %s is not named by what it is", name)}
	}
	return nil
}

// checkFunctions refuses init, which runs unasked, and functions that are too long to be read as one.
func checkFunctions(source *Source) []Violation {
	var found []Violation
	for _, declaration := range source.tree.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if function.Recv == nil && function.Name.Name == "init" {
			found = append(found, source.at(function.Pos(), "declares init; let the caller call it"))
		}
		first, last := source.fset.Position(function.Pos()).Line, source.fset.Position(function.End()).Line
		if lines := last - first + 1; lines > maxFunctionLines && !source.test() {
			found = append(found, source.at(function.Pos(), "function %s has %d lines, at most %d are allowed",
				function.Name.Name, lines, maxFunctionLines))
		}
	}
	return found
}

func checkLength(source *Source) []Violation {
	if lines := strings.Count(source.Text, "\n"); lines > maxFileLines {
		return []Violation{source.at(source.tree.Package, "%s has %d lines, at most %d are allowed",
			path.Base(source.Path), lines, maxFileLines)}
	}
	return nil
}

// checkSkips refuses tests that may leave themselves out: a test that does not run proves nothing.
func checkSkips(source *Source) []Violation {
	if !source.test() {
		return nil
	}
	var found []Violation
	for _, name := range []string{"t", "tb", "b", "f"} {
		ast.Inspect(source.tree, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(selector.Sel.Name, "Skip") {
				return true
			}
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == name {
				found = append(found, source.at(selector.Pos(), "skips a test"))
			}
			return true
		})
	}
	for _, pos := range source.uses("testing", "Short") {
		found = append(found, source.at(pos, "skips a test"))
	}
	return found
}
