package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "operate:", err)
		os.Exit(1) //nolint:gocritic // what is deferred ends with the process
	}
}

// run does what the arguments say and prints what came of it; an error if anything was lost or failed.
func run(ctx context.Context, args []string, out io.Writer) error {
	cfg, err := readConfig(args, out)
	if err != nil {
		return err
	}
	s, err := begin(ctx, cfg, out)
	if err != nil {
		return err
	}
	return s.end(s.story(ctx))
}

// story is the run: load, steady at first, then while the cluster is changed, then everything that was acknowledged is
// looked for.
func (s *session) story(ctx context.Context) error {
	if err := s.fill(ctx); err != nil {
		return fmt.Errorf("fill the index: %w", err)
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.load(loading)
	}()
	s.phase("warm up")
	if err := pause(ctx, s.cfg.steady/2); err != nil {
		return err
	}
	s.phase("steady")
	if err := pause(ctx, s.cfg.steady); err != nil {
		return err
	}
	err := s.change(ctx)
	s.phase("")
	stop()
	<-done
	if err != nil {
		return err
	}
	if err := s.verify(ctx); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return s.report()
}

// change does what the run is about.
func (s *session) change(ctx context.Context) error {
	for i := range s.cfg.kills {
		for _, role := range s.cfg.roles {
			for _, step := range s.cfg.steps {
				s.phase("moves killed")
				if err := s.killedMove(ctx, i, role, step); err != nil {
					return fmt.Errorf("move with its %s killed at %q: %w", role, step, err)
				}
			}
		}
	}
	for i := range s.cfg.moves {
		s.phase("moves")
		if err := s.plainMove(ctx, i); err != nil {
			return fmt.Errorf("move %d: %w", i, err)
		}
	}
	for i := range s.cfg.rebalances {
		s.phase("rebalances")
		if err := s.rebalance(ctx, i); err != nil {
			return fmt.Errorf("rebalance %d: %w", i, err)
		}
	}
	for i := range s.cfg.restarts {
		s.phase("restarts by signal")
		if err := s.restart(ctx, i); err != nil {
			return fmt.Errorf("restart %d: %w", i, err)
		}
	}
	return nil
}
