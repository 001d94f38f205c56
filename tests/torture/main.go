package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sagasu/tests/cluster"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run gives the exit code: 0 if all was well, 1 if not, 2 if it could not be tried.
func run(args []string, out, messages io.Writer) int {
	cfg, err := readConfig(args, messages)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(messages, "torture:", err)
		return 2
	}
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	dir, keep := cfg.dir, cfg.dir != ""
	if !keep {
		if dir, err = os.MkdirTemp("", "sagasu-torture-"); err != nil {
			fmt.Fprintln(messages, "torture:", err)
			return 2
		}
	}
	t := newTally()
	err = torture(ctx, cfg, dir, t, messages)
	if err != nil {
		t.violation("%v", err)
	}
	bad := t.bad()
	if !bad && !keep {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(messages, "torture:", err)
		}
	}
	t.report(out, cfg.seed)
	if bad {
		// The figures stay last.
		fmt.Fprintln(messages, "torture: data and logs of the nodes are kept in", dir)
		return 1
	}
	return 0
}

// torture runs the cluster from its start to the last check.
func torture(ctx context.Context, cfg config, dir string, t *tally, messages io.Writer) (err error) {
	progress := messages
	if cfg.quiet {
		progress = io.Discard
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if cfg.binary == "" {
		fmt.Fprintln(progress, "building sagasu")
		if cfg.binary, err = cluster.Build(ctx, dir); err != nil {
			return err
		}
	}
	if cfg.binary, err = filepath.Abs(cfg.binary); err != nil {
		return fmt.Errorf("find program: %w", err)
	}
	fmt.Fprintf(progress, "starting %d coordinators, %d shard nodes and %d gateways in %s\n",
		cfg.coordinators, cfg.shards, cfg.gateways, dir)
	of := cluster.Default()
	of.Binary, of.Dir, of.Partitions = cfg.binary, dir, !cfg.loopback
	of.Coordinators, of.Shards, of.Gateways = cfg.coordinators, cfg.shards, cfg.gateways
	c, err := cluster.Start(ctx, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	r := newSession(cfg, c, t, progress)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.underLoad(ctx); err != nil {
		return err
	}
	return r.verify(ctx)
}

// underLoad runs the load and the faults, and ends the load when they are over.
func (r *session) underLoad(ctx context.Context) error {
	loading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.load(loading)
	}()
	err := r.torment(ctx, time.Now().Add(r.cfg.duration))
	stop()
	<-done
	return err
}
