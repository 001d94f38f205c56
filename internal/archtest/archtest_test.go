package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepository is the point of the package: it holds every file to the rules.
func TestRepository(t *testing.T) {
	rules := Repository()
	files, err := Files(filepath.Join("..", ".."))
	require.NoError(t, err)
	goFiles := 0
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(path)))
		return err == nil
	}
	for _, file := range files {
		for _, violation := range CheckText(rules, file.Path, file.Text) {
			t.Error(violation)
		}
		if strings.HasSuffix(file.Path, ".md") {
			for _, violation := range CheckLinks(file.Path, file.Text, exists) {
				t.Error(violation)
			}
		}
		if !strings.HasSuffix(file.Path, ".go") {
			continue
		}
		goFiles++
		source, err := Parse(file.Path, file.Text)
		require.NoError(t, err)
		for _, violation := range Check(rules, source) {
			t.Error(violation)
		}
	}
	require.Greater(t, goFiles, 50, "the walk has missed the repository")
	for path := range rules.Sleepers {
		require.FileExists(t, filepath.Join("..", "..", path), "a permission to sleep for a file that is gone")
	}
}

// check parses a snippet as the file of a path and gives what the rules have against it, as text.
func check(t *testing.T, path, text string) string {
	t.Helper()
	source, err := Parse(path, text)
	require.NoError(t, err)
	var lines []string
	for _, violation := range Check(Repository(), source) {
		lines = append(lines, violation.String())
	}
	return strings.Join(lines, "\n")
}

func TestCheckRefuses(t *testing.T) {
	long := "package query\n\nfunc f() {\n" + strings.Repeat("\tg()\n", maxFunctionLines-1) + "}\n"
	for _, c := range []struct{ name, path, text, want string }{
		{
			"a room importing upward", "sparse/segment/a.go", "package segment\nimport _ \"sagasu/sparse\"",
			"sparse/segment/a.go:2: sparse/segment must not import sparse",
		},
		{"fusion importing ours", "fusion/a.go", `package fusion; import _ "sagasu/api"`, "fusion must not import api"},
		{"api importing ours", "api/a.go", `package api; import _ "sagasu/fusion"`, "api must not import fusion"},
		{
			"importing a neighbour", "coordinator/httpapi/a.go",
			`package httpapi; import _ "sagasu/shard/replica"`, "shard/replica",
		},
		{"a room without a line", "coordinator/extra/a.go", "package extra", "room coordinator/extra is not in the table"},
		{"the root as a room", "a.go", "package sagasu", "room . is not in the table"},
		{
			"raft outside of its owners", "shard/replica/a.go", `package replica; import _ "github.com/hashicorp/raft"`,
			"shard/replica must not import github.com/hashicorp/raft, only internal/consensus/..., coordinator/fsm may",
		},
		{
			"bbolt", "coordinator/fsm/a.go",
			`package fsm; import _ "go.etcd.io/bbolt/errors"`, "must not import go.etcd.io/bbolt/errors",
		},
		{"fasthttp", "coordinator/query/a.go", `package query; import _ "github.com/valyala/fasthttp"`, "fasthttp"},
		{
			"milvus", "internal/dense/a.go",
			`package dense; import _ "github.com/milvus-io/milvus-sdk-go/v2/client"`, "milvus",
		},
		{"pgx", "internal/catalog/a.go", `package catalog; import _ "github.com/jackc/pgx/v5"`, "pgx"},
		{"cobra", "bench/quality/a.go", `package quality; import _ "github.com/spf13/cobra"`, "cobra"},
		{"koanf", "coordinator/a.go", `package coordinator; import _ "github.com/knadh/koanf/v2"`, "koanf"},
		{"kagome", "sparse/a.go", `package sparse; import _ "github.com/ikawaha/kagome/v2/tokenizer"`, "kagome"},
		{"roaring", "api/a.go", `package api; import _ "github.com/RoaringBitmap/roaring/v2"`, "roaring"},
		{
			"testing in the product", "embedclient/a.go",
			`package embedclient; import _ "testing"`, "must not import testing",
		},
		{
			"the network in a pure room", "fusion/a.go",
			`package fusion; import _ "net/http"`, "pure and must not import net/http",
		},
		{"the disk in a pure room", "coordinator/state/a.go", `package state; import _ "os"`, "must not import os"},
		{
			"a log in a pure room", "sparse/analysis/a.go",
			`package analysis; import _ "log/slog"`, "must not import log/slog",
		},
		{
			"chance in a pure room", "coordinator/placement/a.go",
			`package placement; import _ "math/rand/v2"`, "math/rand/v2",
		},
		{
			"the clock in a pure room", "sparse/mergeplan/a.go",
			"package mergeplan\nimport \"time\"\nvar now = time.Now", "sparse/mergeplan/a.go:3: sparse/mergeplan is pure",
		},
		{
			"the clock by another name", "api/a.go",
			"package api\nimport clock \"time\"\nfunc f() any { return clock.Since }", "api/a.go:3",
		},
		{
			"sleep", "shard/a.go",
			"package shard\nimport \"time\"\nfunc f() { time.Sleep(1) }", "shard/a.go:3: calls time.Sleep",
		},
		{
			"sleep in a test", "shard/a_test.go",
			"package shard\nimport \"time\"\nfunc f() { time.Sleep(1) }", "calls time.Sleep",
		},
		{
			"a pause between looks in the product", "shard/a.go",
			"package shard\nimport \"time\"\nfunc f(ok func() bool) {\n\tfor !ok() { time.Sleep(1) }\n}", "shard/a.go:4: calls",
		},
		{"init", "shard/a.go", "package shard\nfunc init() {}", "shard/a.go:2: declares init"},
		{"a long file", "shard/a.go", "package shard" + strings.Repeat("\n", maxFileLines+1), "has 601 lines"},
		{"a long function", "coordinator/query/a.go", long, "query/a.go:3: function f has 81 lines"},
		{"a name that says nothing", "shard/a.go", "package util", "package util is not named by what it is"},
		{
			"a skipped test", "api/a_test.go",
			"package api\nfunc TestA(t T) { t.Skipf(``) }", "api/a_test.go:2: skips a test",
		},
		{
			"a test for some days only", "api/a_test.go",
			"package api\nimport \"testing\"\nfunc TestA(*testing.T) { if testing.Short() { return } }", "skips a test",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, check(t, c.path, c.text), c.want)
		})
	}
}

func TestCheckAllows(t *testing.T) {
	for _, c := range []struct{ name, path, text string }{
		{"a room importing downward", "sparse/a.go", `package sparse; import _ "sagasu/sparse/segment"`},
		{
			"the command importing all", "cmd/sagasu/a.go",
			`package main; import ( _ "sagasu/coordinator"; _ "github.com/spf13/cobra")`,
		},
		{"an owner", "internal/consensus/boltstore/a.go", `package boltstore; import _ "github.com/hashicorp/raft"`},
		{
			"a library with an owned one's name in front", "sparse/a.go",
			`package sparse; import _ "github.com/hashicorp/raftlike"`,
		},
		{
			"a test of a pure room", "fusion/a_test.go",
			"package fusion\nimport (\"os\"; \"time\")\nvar _ = os.Args\nvar _ = time.Now",
		},
		{"time without the clock", "api/a.go", "package api\nimport \"time\"\nconst day = 24 * time.Hour"},
		{
			"a pause between looks in a test", "shard/a_test.go",
			"package shard\nimport \"time\"\nfunc f(ok func() bool) {\n\tfor !ok() { time.Sleep(1) }\n}",
		},
		{
			"sleep in a bubble", "shard/a_test.go",
			"package shard\nimport (\"time\"; _ \"testing/synctest\")\nfunc f() { time.Sleep(1) }",
		},
		{
			"sleep with a reason", "internal/consensus/boltstore/pages.go",
			"package boltstore\nimport \"time\"\nvar _ = time.Sleep",
		},
		{"a method called init", "shard/a.go", "package shard\ntype s struct{}\nfunc (s) init() {}"},
		{"a file of the greatest length", "shard/a.go", "package shard" + strings.Repeat("\n", maxFileLines)},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Empty(t, check(t, c.path, c.text))
		})
	}
}

func TestCheckText(t *testing.T) {
	for _, word := range Repository().Words {
		t.Run(word, func(t *testing.T) {
			got := CheckText(Repository(), "README.md", "fine\n"+word+"x\n")
			require.Equal(t, []Violation{{Path: "README.md", Line: 2, Detail: "contains " + word}}, got)
		})
	}
	require.Empty(t, CheckText(Repository(), "README.md", "the work of others"))
}

func TestCheckLinks(t *testing.T) {
	exists := func(path string) bool { return path == "docs/a.md" || path == "LICENSE" }
	text := "[a](a.md#part) [l](../LICENSE)\n[here](#part) [there](https://example.org/a.md)\n[b](b.md), [c](/x)\n"
	require.Equal(t, []Violation{
		{Path: "docs/c.md", Line: 3, Detail: "links to b.md, which is not there"},
		{Path: "docs/c.md", Line: 3, Detail: "links to /x, which is not there"},
	}, CheckLinks("docs/c.md", text, exists))
}

func TestParseRefuses(t *testing.T) {
	_, err := Parse("api/a.go", "package")
	require.ErrorContains(t, err, "parse api/a.go")
}

func TestFiles(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"a.go", "b/c.md", ".git/x", ".ci/run", "bin/x", "b/testdata/x", "binary"} {
		full := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o750))
		text := path
		if path == "binary" {
			text = "\x00"
		}
		require.NoError(t, os.WriteFile(full, []byte(text), 0o600))
	}
	files, err := Files(root)
	require.NoError(t, err)
	require.Equal(t, "[{.ci/run .ci/run} {a.go a.go} {b/c.md b/c.md}]", fmt.Sprint(files))
}
