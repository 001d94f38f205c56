package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// engines gives the contenders, all or those named between commas.
func engines(bin, only string) ([]engine, error) {
	at := func(parts ...string) string { return filepath.Join(append([]string{bin}, parts...)...) }
	java := []string{
		at("java"), "-Xmx2g", "-XX:+UseSerialGC", "--add-modules", "jdk.incubator.vector",
		"--enable-native-access=ALL-UNNAMED", "-cp", at("lucene", "classes") + ":" + at("lucene", "lib", "*"), "Peer",
	}
	// One thread each.
	goEnv := []string{"GOMAXPROCS=1"}
	all := []engine{
		{name: "sagasu", command: []string{at("sagasu-peer")}, env: goEnv, factor: 1},
		{name: "lucene", command: java, lengths: byteLengths, factor: 1},
		{name: "lucene-bp", command: java, buildArgs: []string{"reorder"}, lengths: byteLengths, factor: 1},
		{name: "tantivy", command: []string{at("peer-tantivy")}, lengths: byteLengths, factor: k1 + 1},
		{name: "bleve", command: []string{at("go-peer"), "bleve"}, env: goEnv, unscored: true},
		{name: "bluge", command: []string{at("go-peer"), "bluge"}, env: goEnv, unscored: true},
		{
			name: "pisa", command: []string{at("pisa", "bin", "python"), "bench/peers/python/pisa.py"},
			factor: k1 + 1, floored: true, answers: pisaAnswers, choices: pisaChoices,
		},
		{
			name: "bm25s", command: []string{at("bm25s", "bin", "python"), "bench/peers/python/bm25s_peer.py"},
			factor: 1, answers: bm25sAnswers,
		},
	}
	if only == "" {
		return all, nil
	}
	var chosen []engine
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(all, func(e engine) bool { return e.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown engine %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// pisaAnswers leaves out what PISA's Python extension has no call for: phrases, filters and counts.
func pisaAnswers(q *question) bool { return q.kind != "phrase" && q.share == 0 && !q.count && q.k > 0 }

// pisaChoices are the algorithms of which the fastest counts, for each kind of question.
func pisaChoices(q *question) []string {
	names := []string{"block_max_wand", "maxscore", "block_max_maxscore"}
	if q.kind == "and" {
		names = []string{"ranked_and", "block_max_ranked_and"}
	}
	env := make([]string, len(names))
	for i, name := range names {
		env[i] = "PISA_ALGORITHM=" + name
	}
	return env
}

// bm25sAnswers leaves out what bm25s doesn't do: it adds the scores of any of the terms, and knows no counts.
func bm25sAnswers(q *question) bool { return (q.kind == "or" || q.kind == "term") && !q.count }
