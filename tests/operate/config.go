package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// config says what to do.
type config struct {
	kills, moves, rebalances, restarts int
	roles, steps                       []string
	// searches and writes are those a second.
	searches, writes int
	// documents are there before anything is changed, in so many shards of so many copies.
	documents, shards, replicas int
	nodes                       int
	throttle                    int
	// steady is how long the load runs alone, for comparison.
	steady time.Duration
	// limit bounds one change.
	limit  time.Duration
	binary string
}

// The roles and steps that can be killed.
func allRoles() []string { return []string{"source", "target", "leader", "metadata"} }

func allSteps() []string {
	return []string{"add", "copy", "catch up", "promote", "let readers end", "remove"}
}

func readConfig(args []string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("operate", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&c.kills, "kills", 1, "how often each role is killed at each step of a move")
	flags.IntVar(&c.moves, "moves", 0, "moves without a fault")
	flags.IntVar(&c.rebalances, "rebalances", 0, "rebalances, each after an index was crowded on two nodes")
	flags.IntVar(&c.restarts, "restarts", 0, "restarts of shard nodes by SIGTERM")
	roles := flags.String("roles", strings.Join(allRoles()[:3], ","), "who is killed: "+strings.Join(allRoles(), ", "))
	steps := flags.String("steps", strings.Join(allSteps(), ","), "at which steps")
	flags.IntVar(&c.searches, "searches", 200, "searches a second")
	flags.IntVar(&c.writes, "writes", 100, "writes a second")
	flags.IntVar(&c.documents, "documents", 3000, "documents before anything is changed")
	flags.IntVar(&c.shards, "shards", 3, "shards of the index")
	flags.IntVar(&c.replicas, "replicas", 3, "copies of each")
	flags.IntVar(&c.nodes, "nodes", 4, "shard nodes")
	flags.IntVar(&c.throttle, "throttle", 0, "bytes a second that a move copies, 0 for the cluster's setting")
	flags.DurationVar(&c.steady, "steady", 20*time.Second, "how long the load runs alone, for comparison")
	flags.DurationVar(&c.limit, "limit", 3*time.Minute, "most time for one change")
	flags.StringVar(&c.binary, "binary", "", "program to run; built if empty")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	c.roles, c.steps = strings.Split(*roles, ","), strings.Split(*steps, ",")
	for _, r := range c.roles {
		if !slices.Contains(allRoles(), r) {
			return c, fmt.Errorf("flag -roles: there is no role %q", r)
		}
	}
	for _, s := range c.steps {
		if !slices.Contains(allSteps(), s) {
			return c, fmt.Errorf("flag -steps: there is no step %q", s)
		}
	}
	if c.nodes <= c.replicas || c.shards < 1 || c.searches < 1 || c.writes < 1 {
		return c, fmt.Errorf("there must be more nodes (%d) than copies (%d), and shards, searches and writes", c.nodes,
			c.replicas)
	}
	return c, nil
}
