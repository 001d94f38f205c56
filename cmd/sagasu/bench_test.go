package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func benchFiles(t *testing.T, corpus, queries string) (string, string) {
	t.Helper()
	dir := t.TempDir()
	c, q := filepath.Join(dir, "corpus.jsonl"), filepath.Join(dir, "queries.txt")
	require.NoError(t, os.WriteFile(c, []byte(corpus), 0o600))
	require.NoError(t, os.WriteFile(q, []byte(queries), 0o600))
	return c, q
}

func benchLocal(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code := run(t.Context(), append([]string{"bench", "local"}, args...), nil, nil, &out, &complaints)
	return code, out.String(), complaints.String()
}

func benchCorpus(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"id":"d%d","title":"red fox","text":"jumps %d"}`+"\n", i, i)
	}
	return lines.String()
}

func TestBenchLocal(t *testing.T) {
	corpus, queries := benchFiles(t, benchCorpus(30), "+red +fox\n\"red fox\"\nfox\njumps 7\nred 3\n")
	t.Run("a line per kind and operation", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "kept")
		args := []string{"--corpus", corpus, "--queries", queries, "--ops", "top10,count", "--repeat", "1", "--dir", dir}
		code, out, complaints := benchLocal(t, args...)
		require.Equal(t, exitOK, code, complaints)
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			var r benchResult
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			require.Equal(t, 30, r.Docs)
			require.Positive(t, r.Mean)
			require.LessOrEqual(t, r.P50, r.P99)
			require.InEpsilon(t, r.Mean*1000/(r.Postings*nsPerPosting), r.Eta, 1e-9)
			got = append(got, fmt.Sprintf("%s %s %d %g", r.Kind, r.Op, r.Queries, r.Postings))
		}
		require.Equal(t, []string{
			"term top10 1 30", "term count 1 30", "and top10 1 60", "and count 1 60", "or top10 2 31", "or count 2 31",
			"phrase top10 1 60", "phrase count 1 60",
		}, got)
		code, _, complaints = benchLocal(t, args...)
		require.Equal(t, exitOK, code)
		require.Contains(t, complaints, "is of this corpus")
		code, out, complaints = benchLocal(t, append(args, "--kind", "term", "--filter", "50")...)
		require.Equal(t, exitOK, code, complaints)
		require.Contains(t, out, `"filter":50,"docs":30,"queries":5`)
	})
	t.Run("searches while documents are written", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "kept")
		code, out, complaints := benchLocal(t, "--corpus", corpus, "--queries", queries, "--ops", "top10", "--kind", "or",
			"--while-indexing", "50ms", "--dir", dir)
		require.Equal(t, exitOK, code, complaints)
		var r benchWhile
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		require.Equal(t, "or top10", r.Kind+" "+r.Op)
		require.Equal(t, 30, r.Docs[0])
		require.Greater(t, r.Docs[1], 30)
		require.Positive(t, r.DocsPerSec)
		require.Positive(t, r.LongestWrite)
		for _, of := range []benchTimes{r.Idle, r.Indexing} {
			require.Positive(t, of.Searches)
			require.LessOrEqual(t, of.P50, of.P99)
			require.LessOrEqual(t, of.P99, of.Max)
		}
		require.InEpsilon(t, r.Indexing.P99/r.Idle.P99, r.RatioP99, 1e-9)
		_, _, complaints = benchLocal(t, "--corpus", corpus, "--queries", queries, "--ops", "count", "--dir", dir)
		require.Contains(t, complaints, "is of this corpus")
		require.NoDirExists(t, filepath.Join(dir, benchCopyDir))
	})
	t.Run("bad input is named", func(t *testing.T) {
		broken, empty := benchFiles(t, benchCorpus(2)+"{no\n", "\n...\n")
		taken := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(taken, "mine"), nil, 0o600))
		for _, c := range []struct {
			code int
			says string
			args []string
		}{
			{exitUsage, "required", nil},
			{exitUsage, `"top11"`, []string{"--corpus", corpus, "--queries", queries, "--ops", "top11"}},
			{exitUsage, `"any"`, []string{"--corpus", corpus, "--queries", queries, "--kind", "any"}},
			{exitUsage, "--filter is 7", []string{"--corpus", corpus, "--queries", queries, "--filter", "7"}},
			{exitUsage, "--while-indexing is -1s", []string{"--corpus", corpus, "--queries", queries, "--while-indexing", "-1s"}},
			{exitUsage, "--repeat is 0", []string{"--corpus", corpus, "--queries", queries, "--repeat", "0"}},
			{exitFailure, "missing.jsonl", []string{"--corpus", "missing.jsonl", "--queries", queries}},
			{exitFailure, "missing.txt", []string{"--corpus", corpus, "--queries", "missing.txt"}},
			{exitFailure, empty + " has none", []string{"--corpus", corpus, "--queries", empty}},
			{exitFailure, broken + ": line 3", []string{"--corpus", broken, "--queries", queries}},
			{exitFailure, "neither empty", []string{"--corpus", corpus, "--queries", queries, "--dir", taken}},
		} {
			code, _, complaints := benchLocal(t, c.args...)
			require.Equal(t, c.code, code, c.says)
			require.Contains(t, complaints, c.says)
		}
	})
}
