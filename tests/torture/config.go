package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// config says how to torture.
type config struct {
	duration                       time.Duration
	seed                           uint64
	coordinators, shards, gateways int
	indexShards, replicas          int
	searches, writes               int // a second
	binary, dir                    string
	injuries                       []injury
	loopback, quiet                bool
}

func readConfig(args []string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.DurationVar(&c.duration, "duration", 2*time.Minute, "how long faults are injected")
	flags.Uint64Var(&c.seed, "seed", 1, "chooses faults, their order and the load")
	flags.IntVar(&c.coordinators, "coordinators", 3, "coordinators: 1, 3 or 5")
	flags.IntVar(&c.shards, "shards", 3, "shard nodes")
	flags.IntVar(&c.gateways, "gateways", 1, "gateways; with several, faults hit them too")
	flags.IntVar(&c.indexShards, "index-shards", 3, "shards of the index")
	flags.IntVar(&c.replicas, "replicas", 3, "copies of each")
	flags.IntVar(&c.searches, "searches", 200, "searches a second")
	flags.IntVar(&c.writes, "writes", 200, "writes a second")
	kinds := flags.String("faults", strings.Join(names(allInjuries()), ","), "kinds of faults, separated by commas; "+
		"beside these there are "+strings.Join(names(rotInjuries()), " and "))
	flags.StringVar(&c.binary, "binary", "", "the program to run; built by default")
	flags.StringVar(&c.dir, "dir", "", "where data and logs go, and stay; a temporary directory by default")
	flags.BoolVar(&c.loopback, "loopback", false, "all nodes on 127.0.0.1: no partitions")
	flags.BoolVar(&c.quiet, "quiet", false, "say only what the end says")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, name := range strings.Split(*kinds, ",") {
		if known := slices.Concat(allInjuries(), rotInjuries()); !slices.Contains(known, injury(name)) {
			return c, fmt.Errorf("faults: %q is none of %s", name, strings.Join(names(known), ", "))
		}
		if c.loopback && injury(name) == injuryPartition {
			continue // such a network can't be partitioned
		}
		c.injuries = append(c.injuries, injury(name))
	}
	return c, c.validate()
}

// rots tells whether files are damaged.
func (c *config) rots() bool {
	return slices.ContainsFunc(c.injuries, func(i injury) bool { return slices.Contains(rotInjuries(), i) })
}

func names(injuries []injury) []string {
	var out []string
	for _, i := range injuries {
		out = append(out, string(i))
	}
	return out
}

func (c *config) validate() error {
	var errs []error
	if c.duration <= 0 {
		errs = append(errs, fmt.Errorf("duration is %s, must be positive", c.duration))
	}
	if c.gateways < 1 || c.shards < 1 {
		errs = append(errs, errors.New("there must be a gateway and a shard node at least"))
	}
	if c.searches < 1 || c.writes < 1 || c.searches > maxRate || c.writes > maxRate {
		errs = append(errs, fmt.Errorf("searches and writes must be 1 to %d a second", maxRate))
	}
	if len(c.injuries) == 0 {
		errs = append(errs, errors.New("no faults are left to inject"))
	}
	if c.replicas < 2 {
		errs = append(errs, errors.New("replicas must be 2 at least: nothing survives faults otherwise"))
	}
	return errors.Join(errs...)
}
