package meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/coordinator/state"
	"sagasu/internal/vfs"
)

// FollowerConfig configures a Follower.
type FollowerConfig struct {
	FS vfs.FS
	// Dir keeps the newest view, for a start while no coordinator answers; created if missing.
	Dir    string
	Caller Caller
	// Coordinators gives the ids of the coordinators to ask, those that are thought alive first.
	Coordinators func() []string
	After        func(time.Duration) <-chan time.Time
	Logger       *slog.Logger
}

// Follower is the metadata on a node that has no replica of it.
type Follower struct {
	cfg      FollowerConfig
	proposer proposer
	view     atomic.Pointer[state.View]
	current  atomic.Bool

	// mu guards changed.
	mu      sync.Mutex
	changed chan struct{}

	cancel context.CancelFunc
	done   chan struct{}
}

var _ Source = (*Follower)(nil)

// Follow reads the view that was kept, and begins to follow the coordinators until Close.
func Follow(cfg FollowerConfig) (*Follower, error) {
	f := &Follower{cfg: cfg, changed: make(chan struct{}), done: make(chan struct{})}
	f.proposer = proposer{ask: f.ask, nodes: cfg.Coordinators, after: cfg.After}
	v, err := readCache(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, err
	}
	f.view.Store(v)
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() {
		defer close(f.done)
		f.follow(ctx)
	}()
	return f, nil
}

// View implements Source.
func (f *Follower) View() *state.View { return f.view.Load() }

// Changed implements Source.
func (f *Follower) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Current implements Source.
func (f *Follower) Current() bool { return f.current.Load() }

// Propose implements Source.
func (f *Follower) Propose(ctx context.Context, change state.Change) (state.Result, error) {
	answer, err := f.proposer.propose(ctx, change)
	if err != nil {
		return state.Result{}, err
	}
	r := answer.result()
	if answer.Changed {
		if err := await(ctx, f, answer.Index); err != nil {
			return r, err
		}
	}
	return r, r.Err
}

func (f *Follower) ask(ctx context.Context, node string, call proposeCall) (proposeAnswer, error) {
	return remoteAsk(ctx, f.cfg.Caller, node, call)
}

// Sync implements Source: it asks a coordinator for what is committed, and fetches that.
func (f *Follower) Sync(ctx context.Context) error {
	body, err := encode(struct{}{})
	if err != nil {
		return err
	}
	var errs []error
	for _, node := range f.cfg.Coordinators() {
		data, err := f.cfg.Caller.Call(ctx, node, MethodSync, body)
		if err == nil {
			var answer syncAnswer
			if err = decode(data, &answer); err == nil {
				return f.fetch(ctx, node, f.View().Version(), 0)
			}
		}
		errs = append(errs, fmt.Errorf("ask %s: %w", node, err))
	}
	return fmt.Errorf("read the metadata: %w: %w", ErrNoCoordinator, errors.Join(errs...))
}

// follow watches one coordinator after the other, for as long as each answers.
func (f *Follower) follow(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		reached := false
		for _, node := range f.cfg.Coordinators() {
			for ctx.Err() == nil {
				if err := f.fetch(ctx, node, f.View().Version(), watchTimeout); err != nil {
					if failures++; failures == 1 && ctx.Err() == nil {
						f.cfg.Logger.Warn("follow the metadata", "coordinator", node, "error", err)
					}
					break
				}
				reached, failures = true, 0
			}
		}
		if reached {
			continue
		}
		select {
		case <-f.cfg.After(proposePause):
		case <-ctx.Done():
		}
	}
}

// fetch asks a coordinator for a view newer than a version and waits for it up to a time; 0 asks for any.
func (f *Follower) fetch(ctx context.Context, node string, above uint64, wait time.Duration) error {
	if wait == 0 {
		above, wait = 0, callTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	v, err := watch(ctx, f.cfg.Caller, node, above)
	if err != nil {
		return err
	}
	if v == nil {
		f.current.Store(true)
		return nil
	}
	return f.advance(v)
}

// Fetch gives the metadata as a coordinator has them now.
func Fetch(ctx context.Context, caller Caller, node string) (*state.View, error) {
	v, err := watch(ctx, caller, node, 0)
	if err == nil && v == nil {
		v = state.New().View()
	}
	return v, err
}

// watch asks a coordinator for a view newer than a version; nil if there is none after a while.
func watch(ctx context.Context, caller Caller, node string, above uint64) (*state.View, error) {
	body, err := encode(watchCall{Above: above})
	if err != nil {
		return nil, err
	}
	data, err := caller.Call(ctx, node, MethodWatch, body)
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0 || data[0] != protocolVersion:
		return nil, fmt.Errorf("%w: answer of %d bytes to a watch", ErrProtocol, len(data))
	case len(data) == 1:
		return nil, nil
	}
	return state.DecodeView(data[1:])
}

// advance takes a newer view, after it is safe on disk: files made by it must find it again.
func (f *Follower) advance(v *state.View) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.view.Load()
	if id := before.ClusterID(); id != "" && v.ClusterID() != id {
		return fmt.Errorf("%w: this node belongs to cluster %s, the coordinator to %s", state.ErrCluster, id,
			v.ClusterID())
	}
	if v.Version() > before.Version() {
		if err := writeCache(f.cfg.FS, f.cfg.Dir, v); err != nil {
			return err
		}
		f.view.Store(v)
		close(f.changed)
		f.changed = make(chan struct{})
	}
	f.current.Store(true)
	return nil
}

// Close ends following.
func (f *Follower) Close() {
	f.cancel()
	<-f.done
}
