package snapshots

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sagasu/coordinator/state"
	"sagasu/internal/blob"
)

// errCancelled ends what a user does not want any more.
var errCancelled = errors.New("cancelled")

// errSuperseded ends the work of a leader that is none any more.
var errSuperseded = errors.New("another node leads the metadata")

// taking is one try to take a snapshot.
type taking struct {
	keeper     *Keeper
	record     state.SnapshotRecord
	repository state.Repository
	open       *Repository
	// attempt tells this try's cuts from others.
	attempt  string
	manifest Manifest

	// mu guards what is below.
	mu     sync.Mutex
	shards []*takenShard
}

// takenShard is a shard that is being taken.
type takenShard struct {
	index   *IndexPart
	part    *ShardPart
	id      string
	nodes   []string
	session string
	// node has the cut; tries counts them.
	node  string
	tries int
	total int64
	done  int64
	sent  int64
}

// take takes a snapshot and ends it in the metadata. An error is of what may pass: it is tried again.
func (k *Keeper) take(ctx context.Context, s state.SnapshotRecord) error {
	end, err := k.tryTake(ctx, s)
	switch {
	case ctx.Err() != nil || errors.Is(err, errSuperseded):
		return nil // the next leader takes it
	case errors.Is(err, errCancelled):
		end = state.SnapshotRecord{State: state.SnapshotCancelled, Error: "cancelled by a user"}
	case err != nil && !lasting(err) && k.cfg.Now().Sub(time.UnixMilli(s.CreatedMillis)) < patience:
		return err
	case err != nil:
		end = state.SnapshotRecord{State: state.SnapshotFailed, Error: err.Error()}
		k.cfg.Logger.Error("snapshot failed", "snapshot", s.ID, "repository", s.Repository, "error", err)
	}
	end.ID, end.EndedMillis = s.ID, k.cfg.Now().UnixMilli()
	if _, err := k.cfg.Metadata.Propose(ctx, state.EndSnapshot{Snapshot: end}); err != nil {
		if errors.Is(err, state.ErrSnapshotNotFound) || errors.Is(err, state.ErrSnapshotState) {
			return nil
		}
		return fmt.Errorf("note the end: %w", err)
	}
	k.metrics.ended(end, time.Duration(end.EndedMillis-s.CreatedMillis)*time.Millisecond)
	k.cfg.Logger.Info("snapshot ended", "snapshot", s.ID, "repository", s.Repository, "state", end.State,
		"bytes", end.Bytes, "sent", end.NewBytes, "documents", end.Documents)
	return nil
}

// patience is how long a snapshot is tried again although its repository or a shard can't be reached.
const patience = time.Hour

// tryTake takes a snapshot and gives how it ended.
func (k *Keeper) tryTake(ctx context.Context, s state.SnapshotRecord) (end state.SnapshotRecord, err error) {
	if err := k.cfg.Metadata.Sync(ctx); err != nil {
		return end, fmt.Errorf("see the newest metadata: %w", err)
	}
	view := k.cfg.Metadata.View()
	if k.cancelled(s.Operation) {
		return end, errCancelled
	}
	repository, ok := view.Repository(s.Repository)
	if !ok {
		return end, fmt.Errorf("repository %s: %w: it is not there any more", s.Repository, ErrRepository)
	}
	r, err := k.cfg.Places.Open(repository)
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Claim(ctx, view.ClusterID(), k.cfg.Now().UnixMilli(), false); err != nil {
		return end, err
	}
	// A leader that was lost may have completed it.
	if m, sum, err := r.Manifest(ctx, s.ID); err == nil {
		return complete(m, sum, 0), nil
	} else if !errors.Is(err, ErrNotFound) {
		return end, err
	}
	t := &taking{keeper: k, record: s, repository: repository, open: r}
	if t.attempt, err = NewID(k.cfg.Now()); err != nil {
		return end, err
	}
	defer t.drop(ctx)
	return t.run(ctx, view)
}

// complete gives how a snapshot that is complete is known.
func complete(m *Manifest, sum string, sent int64) state.SnapshotRecord {
	shards, documents, bytes := m.Sum()
	return state.SnapshotRecord{
		State: state.SnapshotDone, Version: m.MetadataVersion, Manifest: sum, Indexes: len(m.Indexes), Shards: shards,
		Documents: int64(documents), Bytes: bytes, NewBytes: sent,
	}
}

func (t *taking) run(ctx context.Context, view *state.View) (end state.SnapshotRecord, err error) {
	if err := t.plan(view); err != nil {
		return end, err
	}
	t.manifest.CutBeganMillis = t.keeper.cfg.Now().UnixMilli()
	// All shards at once: the times between their cuts are what a snapshot is not consistent over.
	if err := each(ctx, max(1, len(t.shards)), t.shards, t.cut); err != nil {
		return end, err
	}
	t.manifest.CutEndedMillis = t.keeper.cfg.Now().UnixMilli()
	if err := t.sendAll(ctx); err != nil {
		return end, err
	}
	// Who is not the leader any more must not complete it: the next one may have begun to do something else.
	if err := t.keeper.cfg.Metadata.Sync(ctx); err != nil {
		return end, fmt.Errorf("see the newest metadata: %w", err)
	}
	if now, ok := t.keeper.cfg.Metadata.View().Snapshot(t.record.ID); !ok || now.State != state.SnapshotRunning ||
		!t.keeper.cfg.Metadata.Leads() {
		return end, errSuperseded
	}
	if t.keeper.cancelled(t.record.Operation) {
		return end, errCancelled
	}
	sum, err := t.open.putManifest(ctx, &t.manifest)
	if errors.Is(err, blob.ErrExists) {
		m, sum, err := t.open.Manifest(ctx, t.record.ID)
		if err != nil {
			return end, err
		}
		return complete(m, sum, t.sent()), nil
	}
	if err != nil {
		return end, err
	}
	return complete(&t.manifest, sum, t.sent()), nil
}

func (t *taking) sent() (total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.shards {
		total += s.sent
	}
	return total
}

// plan takes the metadata as of one version.
func (t *taking) plan(view *state.View) error {
	t.manifest = Manifest{
		ID: t.record.ID, Cluster: view.ClusterID(), Program: t.keeper.cfg.Program, Schedule: t.record.Schedule,
		CreatedMillis: t.record.CreatedMillis, MetadataVersion: view.Version(), FeatureLevel: view.FeatureLevel(),
		Indexes: []IndexPart{}, Settings: map[string]string{},
	}
	for _, s := range view.Settings() {
		t.manifest.Settings[s.Key] = s.Value
	}
	for _, name := range t.record.Selected {
		if x, ok := view.Index(name); !ok || x.Restore != nil {
			return fmt.Errorf("index %s: %w: there is none of that name", name, ErrNotFound)
		}
	}
	for _, x := range view.Indexes() {
		if x.Restore != nil || len(t.record.Selected) > 0 && !slices.Contains(t.record.Selected, x.Name) {
			continue
		}
		t.manifest.Indexes = append(t.manifest.Indexes, indexPart(view, x))
	}
	for i := range t.manifest.Indexes {
		part := &t.manifest.Indexes[i]
		x, _ := view.Index(part.Name)
		for j := range part.Shards {
			t.shards = append(t.shards, &takenShard{
				index: part, part: &part.Shards[j], id: x.Shards[j].ID, nodes: x.Shards[j].Nodes,
			})
		}
	}
	return nil
}

func indexPart(view *state.View, x state.Index) IndexPart {
	part := IndexPart{
		Name: x.Name, UUID: x.UUID, Schema: x.Schema, CreatedMillis: x.CreatedMillis, Replicas: x.Replicas, Next: x.Next,
		Retired: x.Retired, LastGeneration: x.LastGeneration, Shards: make([]ShardPart, len(x.Shards)),
	}
	for _, a := range view.Aliases() {
		if a.Index == x.Name {
			part.Aliases = append(part.Aliases, a.Name)
		}
	}
	for i, s := range x.Shards {
		part.Shards[i] = ShardPart{From: s.From, To: s.To}
	}
	return part
}

// cut has a shard cut by the node that leads it.
func (t *taking) cut(ctx context.Context, s *takenShard) error {
	s.tries++
	s.session = fmt.Sprintf("%s-%s-%d", t.attempt, s.id, s.tries)
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	var last error
	for at := 0; ; at++ {
		nodes := t.nodesOf(s)
		node := nodes[at%len(nodes)]
		answer, err := ask[cutAnswer](ctx, t.keeper.cfg.Nodes, node, methodCut,
			cutCall{Session: s.session, Index: s.index.UUID, Shard: s.id})
		if err == nil && answer.Elsewhere && answer.Leader != "" && slices.Contains(nodes, answer.Leader) {
			node = answer.Leader
			answer, err = ask[cutAnswer](ctx, t.keeper.cfg.Nodes, node, methodCut,
				cutCall{Session: s.session, Index: s.index.UUID, Shard: s.id})
		}
		if err == nil && !answer.Elsewhere {
			s.node, s.total = node, answer.Bytes
			s.part.Applied, s.part.Documents = answer.Applied, answer.Documents
			s.part.Files, s.part.Bytes = answer.Files, answer.Bytes
			return nil
		}
		if err != nil {
			last = err
		}
		select {
		case <-t.keeper.cfg.After(pollEvery / 2):
		case <-ctx.Done():
			return fmt.Errorf("cut shard %s of index %s: no leader did it: %w", s.id, s.index.Name, errors.Join(last, ctx.Err()))
		}
	}
}

// nodesOf gives where a shard is now; it may have moved since the plan was made.
func (t *taking) nodesOf(s *takenShard) []string {
	if _, now, ok := t.keeper.cfg.Metadata.View().Shard(s.id); ok {
		return now.Nodes
	}
	return s.nodes
}

// sendAll has every shard sent, and tells how far that is.
func (t *taking) sendAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() {
		for {
			t.tell(ctx)
			if t.keeper.cancelled(t.record.Operation) {
				cancel(errCancelled)
			}
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-t.keeper.cfg.After(noteEvery):
			}
		}
	})
	err := each(ctx, max(1, len(t.shards)), t.shards, t.send)
	close(done)
	beside.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (t *taking) tell(ctx context.Context) {
	t.mu.Lock()
	var done, total int64
	for _, s := range t.shards {
		done += s.done
		total += s.total
	}
	t.mu.Unlock()
	t.keeper.note(ctx, t.record.Operation, done, total, "send")
}

// send has one shard sent. If its cut is lost, with its node, it is cut anew.
func (t *taking) send(ctx context.Context, s *takenShard) error {
	for {
		lost, err := t.sendOnce(ctx, s)
		if err == nil {
			return nil
		}
		if !lost || ctx.Err() != nil || s.tries >= shardTries {
			return fmt.Errorf("send shard %s of index %s: %w", s.id, s.index.Name, err)
		}
		t.keeper.cfg.Logger.Warn("cut of a shard is lost, it is taken again", "shard", s.id, "node", s.node, "error", err)
		if err := t.cut(ctx, s); err != nil {
			return err
		}
		t.mu.Lock()
		t.manifest.CutEndedMillis = t.keeper.cfg.Now().UnixMilli()
		t.mu.Unlock()
	}
}

func (t *taking) sendOnce(ctx context.Context, s *takenShard) (lost bool, err error) {
	call := func(method uint16, what any) (sendStatus, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return ask[sendStatus](ctx, t.keeper.cfg.Nodes, s.node, method, what)
	}
	heard := t.keeper.cfg.Now()
	begun := false
	for {
		var status sendStatus
		if begun {
			status, err = call(methodStatus, sessionCall{s.session})
		} else {
			status, err = call(methodSend, sendCall{Session: s.session, Repository: t.repository})
		}
		switch {
		case err == nil && status.Gone:
			return true, ErrNoSession
		case err == nil && status.Error != "":
			return false, &remoteError{text: status.Error, lasting: status.Lasting}
		case err == nil:
			heard, begun = t.keeper.cfg.Now(), true
			if t.progress(s, status) {
				return false, nil
			}
		case t.keeper.cfg.Now().Sub(heard) > maxAway:
			return true, err
		}
		select {
		case <-t.keeper.cfg.After(pollEvery):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// progress notes how far a shard is; true when all of it is there.
func (t *taking) progress(s *takenShard, status sendStatus) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.done, s.sent = status.Done, status.Sent
	if status.List == nil {
		return false
	}
	s.part.List = *status.List
	return true
}

// drop lets the nodes go of the cuts.
func (t *taking) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	_ = each(ctx, 16, t.shards, func(ctx context.Context, s *takenShard) error {
		if s.node == "" {
			return nil
		}
		if _, err := ask[sendStatus](ctx, t.keeper.cfg.Nodes, s.node, methodDrop, sessionCall{s.session}); err != nil {
			t.keeper.cfg.Logger.Debug("let go of a cut", "node", s.node, "error", err) // it does so by itself
		}
		return nil
	})
}

// remoteError is why a node could not do something.
type remoteError struct {
	text    string
	lasting bool
}

func (e *remoteError) Error() string { return e.text }
