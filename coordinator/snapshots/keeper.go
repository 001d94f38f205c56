package snapshots

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/coordinator/state"
)

// The kinds of operations.
const (
	KindSnapshot = "snapshot"
	KindRestore  = "restore"
	KindDelete   = "delete-snapshot"
)

// Metadata are those of the cluster.
type Metadata interface {
	View() *state.View
	// Changed is closed when the view is another one than at the call.
	Changed() <-chan struct{}
	// Leads reports whether this node leads them.
	Leads() bool
	// Sync returns when the view is not older than the call, as the leader's majority knows it.
	Sync(ctx context.Context) error
	Propose(ctx context.Context, c state.Change) (state.Result, error)
}

// KeeperConfig configures a Keeper.
type KeeperConfig struct {
	Metadata Metadata
	Nodes    Caller
	Places   *Places
	// Remote says that a server keeps the vectors; see state.DeleteIndex.
	Remote bool
	// Program is its version.
	Program  string
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Keeper does what the metadata say of snapshots, while its node leads them: takes and deletes them, begins those that
// are due, and ends restores. It keeps nothing: another leader goes on from the metadata and the repositories.
type Keeper struct {
	cfg     KeeperConfig
	metrics *metrics

	// mu guards working, what is being done now, by snapshot.
	mu      sync.Mutex
	working map[string]bool
	// restores remembers of each restore, by the index's UUID, what the loop has seen.
	restores map[string]*restoring
	// rests is when the loop looks at a schedule again.
	rests map[string]time.Time
}

// NewKeeper makes a keeper; Run does its work.
func NewKeeper(cfg KeeperConfig) (*Keeper, error) {
	m, err := newMetrics(cfg.Registry, cfg.Metadata.View, cfg.Now)
	if err != nil {
		return nil, err
	}
	return &Keeper{
		cfg: cfg, metrics: m, working: map[string]bool{}, restores: map[string]*restoring{},
		rests: map[string]time.Time{},
	}, nil
}

// Run works until ctx ends, and returns when all it began has ended.
func (k *Keeper) Run(ctx context.Context) {
	defer k.metrics.close()
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		if k.cfg.Metadata.Leads() {
			k.lead(ctx, &running)
		}
		changed := k.cfg.Metadata.Changed()
		select {
		case <-changed:
		case <-k.cfg.After(loopEvery):
		case <-ctx.Done():
		}
	}
}

// lead works while this node leads.
func (k *Keeper) lead(ctx context.Context, running *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for ctx.Err() == nil && k.cfg.Metadata.Leads() {
		changed := k.cfg.Metadata.Changed()
		k.turn(ctx, running)
		select {
		case <-changed:
		case <-k.cfg.After(loopEvery):
		case <-ctx.Done():
		}
	}
}

// turn looks at everything once.
func (k *Keeper) turn(ctx context.Context, running *sync.WaitGroup) {
	view := k.cfg.Metadata.View()
	if view.FeatureLevel() < state.LevelOperations {
		return
	}
	for _, s := range view.Snapshots() {
		switch s.State {
		case state.SnapshotRunning:
			k.begin(ctx, running, s, k.take)
		case state.SnapshotDeleting:
			k.begin(ctx, running, s, k.delete)
		}
	}
	k.stepRestores(ctx, view)
	for _, s := range view.Schedules() {
		if err := k.schedule(ctx, view, s); err != nil && ctx.Err() == nil {
			k.cfg.Logger.Warn("snapshot of a schedule", "schedule", s.Name, "error", err)
		}
	}
}

// begin does something about a snapshot beside the loop, unless that is being done.
func (k *Keeper) begin(ctx context.Context, running *sync.WaitGroup, s state.SnapshotRecord,
	do func(context.Context, state.SnapshotRecord) error,
) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.working[s.ID] {
		return
	}
	k.working[s.ID] = true
	running.Go(func() {
		defer func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.working, s.ID)
		}()
		if err := do(ctx, s); err != nil && ctx.Err() == nil {
			k.cfg.Logger.Warn("snapshot, it is tried again", "snapshot", s.ID, "repository", s.Repository, "error", err)
			select {
			case <-k.cfg.After(restPause):
			case <-ctx.Done():
			}
		}
	})
}

// schedule begins the next snapshot of a schedule, and lets one go that nothing keeps.
func (k *Keeper) schedule(ctx context.Context, view *state.View, s state.Schedule) error {
	now := k.cfg.Now()
	if r, ok := view.Repository(s.Repository); !ok || r.ReadOnly || view.RepositoryBusy(s.Repository) ||
		now.Before(k.rests[s.Name]) {
		return nil
	}
	k.rests[s.Name] = now.Add(restPause)
	if view.Due(s, now) {
		id, err := NewID(now)
		if err != nil {
			return err
		}
		c := Begin(id, s.Repository, s.Name, s.Indexes, now)
		_, err = k.cfg.Metadata.Propose(ctx, c)
		if err == nil || errors.Is(err, state.ErrRepositoryBusy) {
			return nil // it is tried again at the next turn
		}
		return fmt.Errorf("begin: %w", err)
	}
	for _, r := range view.Expired(s, now) {
		c := Drop(r.ID, r.Repository, "schedule "+s.Name+" does not keep it", now)
		_, err := k.cfg.Metadata.Propose(ctx, c)
		if err == nil || errors.Is(err, state.ErrRepositoryBusy) {
			return nil // one at a time
		}
		return fmt.Errorf("let go of %s: %w", r.ID, err)
	}
	return nil
}

// NewID gives an id of a snapshot: its day and time, for persons, and what makes it the only one.
func NewID(now time.Time) (string, error) {
	var random [5]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("name a snapshot: %w", err)
	}
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(random[:]), nil
}

// Begin gives the change that begins a snapshot of indexes, all for none.
func Begin(id, repository, schedule string, indexes []string, now time.Time) state.BeginSnapshot {
	return state.BeginSnapshot{
		Snapshot: state.SnapshotRecord{
			ID: id, Repository: repository, Schedule: schedule, Selected: indexes, CreatedMillis: now.UnixMilli(),
		},
		Operation: operation("snapshot-"+id, KindSnapshot, "take snapshot "+id+" to repository "+repository, now),
	}
}

// Drop gives the change that begins to delete a snapshot.
func Drop(id, repository, reason string, now time.Time) state.DropSnapshot {
	return state.DropSnapshot{
		ID: id, Repository: repository,
		Operation: operation("delete-"+id+"-"+now.UTC().Format("150405"), KindDelete, reason, now),
	}
}

func operation(id, kind, reason string, now time.Time) state.Operation {
	millis := now.UnixMilli()
	return state.Operation{
		ID: id, Kind: kind, Reason: reason, State: state.OperationRunning, CreatedMillis: millis, UpdatedMillis: millis,
	}
}

// cancelled reports whether a user wants an operation to end.
func (k *Keeper) cancelled(id string) bool {
	o, ok := k.cfg.Metadata.View().Operation(id)
	return ok && o.State == state.OperationCancelling
}

// note tells how far an operation is.
func (k *Keeper) note(ctx context.Context, id string, done, total int64, step string) {
	o, ok := k.cfg.Metadata.View().Operation(id)
	if !ok || o.State.Ended() {
		return
	}
	o.Bytes, o.TotalBytes, o.Step = uint64(max(done, 0)), uint64(max(total, 0)), step
	o.Done, o.Total = o.Bytes, o.TotalBytes
	o.UpdatedMillis = k.cfg.Now().UnixMilli()
	if _, err := k.cfg.Metadata.Propose(ctx, state.PutOperation{Operation: o}); err != nil && ctx.Err() == nil {
		k.cfg.Logger.Debug("note progress", "operation", id, "error", err)
	}
}
