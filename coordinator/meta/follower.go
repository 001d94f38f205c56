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
	if r.Err != nil {
		return r, r.Err
	}
	version := answer.Version
	if answer.Changed {
		version = max(version, answer.Index)
	}
	return r, await(ctx, f, version)
}

func (f *Follower) ask(ctx context.Context, node string, call proposeCall) (proposeAnswer, error) {
	return remoteAsk(ctx, f.cfg.Caller, node, call)
}

// Sync implements Source: it asks the coordinator that leads for what is committed, and fetches that.
func (f *Follower) Sync(ctx context.Context) error {
	body, err := encode(struct{}{})
	if err != nil {
		return err
	}
	var errs []error
	for _, node := range f.cfg.Coordinators() {
		err := f.syncWith(ctx, node, body)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("ask %s: %w", node, err))
	}
	return fmt.Errorf("read the metadata: %w: %w", ErrNoCoordinator, errors.Join(errs...))
}

func (f *Follower) syncWith(ctx context.Context, node string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := f.cfg.Caller.Call(ctx, node, MethodSync, body)
	if err != nil {
		return err
	}
	var answer syncAnswer
	if err := decode(data, &answer); err != nil {
		return err
	}
	view := f.View()
	if err := sameCluster(view, answer.Cluster); err != nil {
		return err
	}
	if answer.Version > view.Version() {
		if err := f.fetch(ctx, node, view.Version()); err != nil {
			return err
		}
	}
	f.current.Store(true)
	return nil
}

// sameCluster returns state.ErrCluster for metadata of another cluster than a view's.
func sameCluster(view *state.View, cluster string) error {
	if id := view.ClusterID(); id != "" && cluster != id {
		return fmt.Errorf("%w: this node belongs to cluster %s, the coordinator to %s", state.ErrCluster, id, cluster)
	}
	return nil
}

// follow watches one coordinator after the other, for as long as each answers.
func (f *Follower) follow(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		reached := false
		for _, node := range f.cfg.Coordinators() {
			for ctx.Err() == nil {
				if err := f.followOnce(ctx, node); err != nil {
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

// followOnce waits for one newer view. What a coordinator has that lags behind the others is good to follow, but
// only the one that leads can say that there is nothing newer.
func (f *Follower) followOnce(ctx context.Context, node string) error {
	if !f.current.Load() {
		if err := f.Sync(ctx); err != nil {
			f.cfg.Logger.Debug("find the newest metadata", "error", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	return f.fetch(ctx, node, f.View().Version())
}

// fetch asks a coordinator for a view newer than a version, and takes it if there is one in time.
func (f *Follower) fetch(ctx context.Context, node string, above uint64) error {
	v, err := watch(ctx, f.cfg.Caller, node, above)
	if err != nil || v == nil {
		return err
	}
	return f.advance(v)
}

// Ask gives why none of some coordinators answers; nil if one does, or there are none to ask.
func Ask(ctx context.Context, caller Caller, nodes []string) error {
	body, err := encode(struct{}{})
	if err != nil {
		return err
	}
	var errs []error
	for _, node := range nodes {
		if _, err := caller.Call(ctx, node, MethodSync, body); err != nil {
			errs = append(errs, fmt.Errorf("ask %s: %w", node, err))
			continue
		}
		return nil
	}
	return errors.Join(errs...)
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
	if err := sameCluster(before, v.ClusterID()); err != nil {
		return err
	}
	if v.Version() > before.Version() {
		if err := writeCache(f.cfg.FS, f.cfg.Dir, v); err != nil {
			return err
		}
		f.view.Store(v)
		close(f.changed)
		f.changed = make(chan struct{})
	}
	return nil
}

// Close ends following.
func (f *Follower) Close() {
	f.cancel()
	<-f.done
}
