package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
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
	complain := log.New(messages, "torture: ", 0)
	cfg, err := readConfig(args, messages)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		complain.Println(err)
		return 2
	}
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	dir, keep := cfg.dir, cfg.dir != ""
	if !keep {
		if dir, err = os.MkdirTemp("", "sagasu-torture-"); err != nil {
			complain.Println(err)
			return 2
		}
	}
	progress := log.New(messages, "", 0)
	if cfg.quiet {
		progress.SetOutput(io.Discard)
	}
	t := newTally()
	if err := torture(ctx, cfg, dir, t, progress); err != nil {
		t.violation("%v", err)
	}
	bad := t.bad()
	switch {
	case bad || keep:
		complain.Println("data and logs of the nodes are kept in", dir)
	default:
		if err := os.RemoveAll(dir); err != nil {
			complain.Println(err)
		}
	}
	if _, err := io.WriteString(out, t.report(cfg.seed)); err != nil || bad {
		return 1
	}
	return 0
}

// torture runs the cluster from its start to the last check.
func torture(ctx context.Context, cfg config, dir string, t *tally, progress *log.Logger) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if cfg.binary == "" {
		progress.Println("building sagasu")
		if cfg.binary, err = cluster.Build(ctx, dir); err != nil {
			return err
		}
	}
	if cfg.binary, err = filepath.Abs(cfg.binary); err != nil {
		return fmt.Errorf("find program: %w", err)
	}
	progress.Printf("starting %d coordinators, %d shard nodes and %d gateways in %s",
		cfg.coordinators, cfg.shards, cfg.gateways, dir)
	of := cluster.Default()
	of.Binary, of.Dir, of.Partitions = cfg.binary, dir, !cfg.loopback
	of.Coordinators, of.Shards, of.Gateways = cfg.coordinators, cfg.shards, cfg.gateways
	of.Args = rotArgs(cfg)
	c, err := cluster.Start(ctx, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s := newSession(cfg, c, t, progress)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.underLoad(ctx); err != nil {
		return err
	}
	return s.verify(ctx)
}

// underLoad runs the load and the faults, and ends the load when they are over.
func (s *session) underLoad(ctx context.Context) error {
	loading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.load(loading)
	}()
	err := s.torment(ctx, time.Now().Add(s.cfg.duration))
	stop()
	<-done
	return err
}
