package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// GuardConfig says how a store is guarded.
type GuardConfig struct {
	// Tries is how often a call that fails with ErrUnavailable is made in all; at least 1.
	Tries int
	// Pause is the rest before the second try; it doubles with each.
	Pause time.Duration
	// Stall is how long a call may go without moving a byte before it fails with ErrUnavailable.
	Stall time.Duration
	// After is the timer.
	After func(time.Duration) <-chan time.Time
}

// DefaultGuard gives the defaults.
func DefaultGuard() GuardConfig {
	return GuardConfig{Tries: DefaultTries, Pause: DefaultPause, Stall: guardStalls * DefaultStall, After: time.After}
}

// guardStalls is how many times longer than a connection a whole call may go without moving a byte: while a part is
// sent nothing is read.
const guardStalls = 4

// Guard gives a store whose calls are repeated when the store was not available, and end although the store hangs, as
// a share does whose server is gone. What is read is not repeated after the first byte.
func Guard(s Store, cfg GuardConfig) Store { return guard{s, cfg} }

type guard struct {
	store Store
	cfg   GuardConfig
}

// beat counts what a call has moved.
type beat struct{ count atomic.Uint64 }

// run makes a call, and again while the store is not available.
func (g guard) run(ctx context.Context, call func(context.Context, *beat) error) error {
	return g.repeat(ctx, func() (bool, error) { return true, g.once(ctx, call) })
}

// repeat tries until something else than ErrUnavailable comes, or what was tried can't be repeated.
func (g guard) repeat(ctx context.Context, once func() (again bool, err error)) error {
	pause := g.cfg.Pause
	for try := 1; ; try++ {
		again, err := once()
		if err == nil || !again || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil || try >= g.cfg.Tries {
			return err
		}
		select {
		case <-g.cfg.After(pause):
		case <-ctx.Done():
			return err
		}
		pause *= 2
	}
}

// once makes a call that may hang: it is left alone then, with its context ended.
func (g guard) once(ctx context.Context, call func(context.Context, *beat) error) error {
	inner, cancel := context.WithCancel(ctx)
	var b beat
	done := make(chan error, 1)
	go func() { done <- call(inner, &b) }()
	defer cancel()
	return g.watch(ctx, &b, done)
}

// watch waits for a call that gives its outcome to done, or leaves it alone.
func (g guard) watch(ctx context.Context, b *beat, done <-chan error) error {
	for {
		seen := b.count.Load()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for the store: %w", ctx.Err())
		case <-g.cfg.After(g.cfg.Stall):
			if b.count.Load() == seen {
				return fmt.Errorf("%w: nothing came in %s", ErrUnavailable, g.cfg.Stall)
			}
		}
	}
}

// Put implements Store.
func (g guard) Put(ctx context.Context, name string, body Body, content Content) error {
	return g.run(ctx, func(ctx context.Context, b *beat) error {
		counted := func() (io.ReadCloser, error) {
			from, err := body()
			if err != nil {
				return nil, err
			}
			return counting{from, b}, nil
		}
		return g.store.Put(ctx, name, counted, content)
	})
}

// counting notes that bytes were read.
type counting struct {
	io.ReadCloser
	beat *beat
}

// Read implements io.Reader.
func (c counting) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.beat.count.Add(1)
	return n, err
}

// Stat implements Store.
func (g guard) Stat(ctx context.Context, name string) (Info, error) {
	infos := make(chan Info, g.cfg.Tries)
	err := g.run(ctx, func(ctx context.Context, _ *beat) error {
		info, err := g.store.Stat(ctx, name)
		if err == nil {
			infos <- info
		}
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return <-infos, nil
}

// Delete implements Store.
func (g guard) Delete(ctx context.Context, name string) error {
	return g.run(ctx, func(ctx context.Context, _ *beat) error { return g.store.Delete(ctx, name) })
}

// List implements Store. each is called by the caller's goroutine, and not after List has returned.
func (g guard) List(ctx context.Context, prefix string, each func(Info) error) error {
	return g.repeat(ctx, func() (bool, error) {
		given, err := g.list(ctx, prefix, each)
		return !given, err
	})
}

// list lists once, and tells whether anything was given.
func (g guard) list(ctx context.Context, prefix string, each func(Info) error) (given bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	infos, done := make(chan Info), make(chan error, 1)
	go func() {
		done <- g.store.List(ctx, prefix, func(info Info) error {
			select {
			case infos <- info:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	stalled := g.cfg.After(g.cfg.Stall)
	moved := false
	for {
		select {
		case info := <-infos:
			given, moved = true, true
			if err := each(info); err != nil {
				return given, err
			}
		case err := <-done:
			return given, err
		case <-ctx.Done():
			return given, fmt.Errorf("list objects: %w", ctx.Err())
		case <-stalled:
			if !moved {
				return given, fmt.Errorf("list objects: %w: nothing came in %s", ErrUnavailable, g.cfg.Stall)
			}
			moved, stalled = false, g.cfg.After(g.cfg.Stall)
		}
	}
}

// opened is an object that Get gives.
type opened struct {
	body io.ReadCloser
	size int64
}

// Get implements Store.
func (g guard) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	// The object lives longer than the call that opens it.
	reading, cancel := context.WithCancel(ctx)
	got := make(chan opened, 1)
	err := g.run(ctx, func(calling context.Context, _ *beat) error {
		body, size, err := g.store.Get(reading, name)
		if err != nil {
			return err
		}
		select {
		case <-calling.Done(): // it came too late
			return errors.Join(calling.Err(), body.Close())
		case got <- opened{body, size}:
			return nil
		}
	})
	if err != nil {
		cancel()
		return nil, 0, err
	}
	o := <-got
	return newPump(reading, cancel, o.body, g.cfg), o.size, nil
}
