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
