package shard

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
	"sagasu/shard/replica"
)

// hosted is one replica that this node holds or is to hold, and the goroutine that tends it: opens it, and
// again after it failed, steps its group's membership towards what is wanted while it leads, and removes
// it when this node is to hold it no more.
type hosted struct {
	host *Host
	// id names the shard.
	id string
	// valve is what copies of others' files pass through, reads counts the calls that read.
	valve *valve
	reads tally

	// mu guards what is below.
	mu   sync.Mutex
	want Assignment
	// gone says why the replica is to be removed: keep, or unassigned (it may still be a member of its
	// group), or deleted (its index is gone).
	gone removal
	// finished is set when the goroutine has removed the replica and ends.
	finished bool
	open     *lease
	// trouble is why the replica is not open; nil while it is.
	trouble error
	// mending is its repair, nil while there is none.
	mending *mending

	// wake holds a token when want or gone changed.
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

type removal int

const (
	keep removal = iota
	unassigned
	deleted
)

// errNotOpen is why a replica can't be used before it was opened for the first time.
var errNotOpen = errors.New("the replica is being opened")

func (h *Host) startHosted(want Assignment, gone removal) *hosted {
	ctx, cancel := context.WithCancel(context.Background())
	s := &hosted{
		host: h, id: want.Shard, want: want, gone: gone, trouble: errNotOpen, wake: make(chan struct{}, 1),
		cancel: cancel, done: make(chan struct{}), valve: newValve(h.cfg.Now, h.cfg.After),
	}
	s.valve.set(want.CopyBytesPerSecond, want.CopyPaused)
	go func() {
		defer close(s.done)
		s.run(ctx)
	}()
	return s
}

// set changes what is wanted of the shard, and whether this node is to hold it; false if the replica is gone
// already.
func (s *hosted) set(want Assignment, gone removal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return false
	}
	same := s.gone == gone && s.want.Epoch == want.Epoch && s.want.Founded == want.Founded &&
		slices.Equal(s.want.Nodes, want.Nodes) && slices.Equal(s.want.Yielding, want.Yielding)
	s.valve.set(want.CopyBytesPerSecond, want.CopyPaused)
	if s.open != nil && !reflect.DeepEqual(s.want.vectors(), want.vectors()) {
		s.open.replica.Want(want.vectors())
	}
	s.want, s.gone = want, gone
	if !same {
		s.poke()
	}
	return true
}

// finish ends the goroutine's work unless the replica is wanted again.
func (s *hosted) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = s.gone != keep
	return s.finished
}

// remove asks for the replica's end, its index being deleted.
func (s *hosted) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != deleted {
		s.gone = deleted
		s.poke()
	}
}

func (s *hosted) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *hosted) wanted() (Assignment, removal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want, s.gone
}

// lease gives the open replica, or why there is none.
func (s *hosted) lease() (*lease, Assignment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.want, s.trouble
}

func (s *hosted) setOpen(open *lease, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.trouble = open, trouble
}

// setOpened shows the replica that was opened as an assignment said, which may have changed since.
func (s *hosted) setOpened(open *lease, as *Assignment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.trouble = open, nil
	if !reflect.DeepEqual(s.want.vectors(), as.vectors()) {
		open.replica.Want(s.want.vectors())
	}
}

func (s *hosted) dir() string { return filepath.Join(s.host.cfg.Dir, s.id) }

// run is the replica's life.
func (s *hosted) run(ctx context.Context) {
	waits, suspect := patience{}, false
	for ctx.Err() == nil {
		want, gone := s.wanted()
		if gone == deleted {
			if s.erase(want); s.finish() {
				return
			}
			continue
		}
		began := s.host.cfg.Now()
		r, err := s.openReplica(ctx, want)
		opened := s.host.cfg.Now()
		if err != nil {
			if suspect = false; s.closed(ctx, want, gone, err, waits.next(opened.Sub(began)), waits.failures == 1) {
				return
			}
			continue
		}
		erase := s.use(ctx, want, r)
		failed := r.Err()
		switch {
		case erase:
			if s.giveUp(ctx, want) {
				return
			}
			continue
		case failed == nil || errors.Is(failed, consensus.ErrRestored):
			continue
		}
		if s.host.cfg.Now().Sub(opened) > max(steadyAfter, openShare*opened.Sub(began)) {
			waits, suspect = patience{}, false
		}
		// What was found in use is looked for at once; a start reads everything.
		if found := replica.Damaged(failed); !found || suspect {
			s.rest(ctx, waits.next(opened.Sub(began)))
		} else {
			suspect = true
		}
	}
}

// closed deals with a replica that could not be opened: it is given up if nobody needs it, repaired, or just tried again
// after a pause. True if it is gone. A damaged one is repaired without a pause the first time.
func (s *hosted) closed(
	ctx context.Context, want Assignment, gone removal, err error, pause time.Duration, first bool,
) bool {
	if ctx.Err() == nil {
		s.host.cfg.Logger.Error("replica can't be opened, it is tried again", "shard", s.id, "index", want.Index,
			"error", err)
	}
	s.host.scrubbing.note(s.id, err)
	s.setOpen(nil, err)
	// One that nobody needs any more need not be opened to be given up.
	if gone == unassigned && s.retired(ctx, want) && s.giveUp(ctx, want) {
		return true
	}
	if first && s.repair(ctx, err) {
		return false
	}
	if s.rest(ctx, pause); !first {
		s.repair(ctx, err)
	}
	return false
}

// use shows an open replica to callers, tends it, and closes it; true if it is to be erased.
func (s *hosted) use(ctx context.Context, want Assignment, r *replica.Replica) (erase bool) {
	s.host.scrubbing.forget(s.id)
	held := newLease(r)
	s.setOpened(held, &want)
	erase = s.tend(ctx, r)
	if failed := r.Err(); failed == nil || errors.Is(failed, consensus.ErrRestored) {
		s.setOpen(nil, errNotOpen)
	} else {
		s.host.scrubbing.note(s.id, failed)
		s.setOpen(nil, failed)
	}
	if err := held.close(); err != nil {
		s.host.cfg.Logger.Error("close replica", "shard", s.id, "error", err)
	}
	return erase
}

// rest waits before another try.
func (s *hosted) rest(ctx context.Context, pause time.Duration) {
	select {
	case <-s.host.cfg.After(pause):
	case <-s.wake:
	case <-ctx.Done():
	}
}

// giveUp erases the closed replica unless it is wanted again; true if that was its end. While it was being
// closed it may have become a member again, whose copy counts.
func (s *hosted) giveUp(ctx context.Context, want Assignment) bool {
	if _, gone := s.wanted(); gone == keep || ctx.Err() != nil {
		return false
	}
	s.erase(want)
	return s.finish()
}

// tend looks after an open replica until it fails or is to be closed; true if it is to be erased.
func (s *hosted) tend(ctx context.Context, r *replica.Replica) (erase bool) {
	ctx, end := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	s.begin(ctx, r, &beside)
	var promising string
	for {
		want, gone := s.wanted()
		switch {
		case gone == deleted:
			return true
		case gone == unassigned && s.retired(ctx, want):
			return true
		default:
			// Also where it is to be given up: as long as it leads, nobody else can make it no member.
			promising = s.lead(ctx, r, want, promising)
		}
		pause := tendEvery
		if gone == unassigned {
			pause = retireEvery
		}
		select {
		case <-ctx.Done():
			return false
		case <-r.Failed():
			if !errors.Is(r.Err(), consensus.ErrRestored) {
				s.host.cfg.Logger.Error("replica failed, it is opened again", "shard", s.id, "error", r.Err())
			}
			return false
		case <-s.wake:
		case <-s.host.cfg.After(pause):
		}
	}
}

// begin makes the first of a new group's nodes its first leader, without waiting for a timeout.
func (s *hosted) begin(ctx context.Context, r *replica.Replica, beside *sync.WaitGroup) {
	want, _ := s.wanted()
	if want.Founded || s.host.cfg.Network == nil || slices.Index(want.Nodes, s.host.cfg.Node) != 0 {
		return
	}
	beside.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		if err := r.Group().Lead(ctx); err != nil && ctx.Err() == nil {
			s.host.cfg.Logger.Warn("lead a new shard", "shard", s.id, "error", err)
		}
	})
}

// lead brings the group closer to what is wanted, if this replica leads it. A member is given its vote
// when it was found up to date twice in a row: promising is the one that was so the last time.
func (s *hosted) lead(ctx context.Context, r *replica.Replica, want Assignment, promising string) string {
	group := r.Group()
	if s.host.cfg.Network == nil || !group.IsLeader() {
		if s.host.cfg.Network == nil && !want.Founded {
			s.found(ctx)
		}
		return ""
	}
	if !want.Founded {
		s.found(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if s.yield(ctx, r, want) {
		return ""
	}
	candidate := ""
	next := consensus.NextStep(group.Servers(), want.Nodes, s.host.cfg.Node, func(node string) bool {
		behind, err := group.CaughtUp(ctx, node)
		if err == nil && behind <= maxBehind {
			candidate = node
		}
		return candidate != "" && candidate == promising
	})
	if next.Kind == consensus.StepNone {
		return candidate
	}
	if next.Kind == consensus.StepHandOver {
		next.Node = s.heir(ctx, r, want, next.Node)
	}
	log := s.host.cfg.Logger.With("shard", s.id, "step", string(next.Kind), "node", next.Node)
	if err := group.Take(ctx, next); err != nil {
		// Leadership may have moved; whoever has it goes on from the same two facts.
		log.Warn("change membership", "error", err)
		return ""
	}
	log.Info("membership changed")
	s.poke()
	return ""
}

// yield hands the leadership over if this node is not to lead and another can; true if it did.
func (s *hosted) yield(ctx context.Context, r *replica.Replica, want Assignment) bool {
	if !slices.Contains(want.Yielding, s.host.cfg.Node) {
		return false
	}
	to := s.heir(ctx, r, want, "")
	if to == "" {
		return false
	}
	log := s.host.cfg.Logger.With("shard", s.id, "node", to)
	if err := r.Group().TransferLeadershipTo(ctx, to); err != nil {
		log.Warn("hand over leadership", "error", err)
		return false
	}
	log.Info("leadership handed over")
	return true
}

// heir gives the member that leadership is best handed to: of those that are wanted and may lead the one with the
// longest log; or without one that answers the one given.
func (s *hosted) heir(ctx context.Context, r *replica.Replica, want Assignment, or string) string {
	for _, id := range r.Group().Heirs(ctx) {
		if slices.Contains(want.Nodes, id) && !slices.Contains(want.Yielding, id) {
			return id
		}
	}
	return or
}

func (s *hosted) found(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := s.host.cfg.Founded(ctx, s.id); err != nil && ctx.Err() == nil {
		s.host.cfg.Logger.Warn("tell that a group is founded", "shard", s.id, "error", err)
	}
}

// retired tells whether the group goes on without this replica: its leader says so. Until then its copy may
// be needed. The leader goes by members that may not be committed yet, and if they never are, this replica
// is still one: what its log held when the membership had been seen to be without this node must be committed
// when it is asked again.
func (s *hosted) retired(ctx context.Context, want Assignment) bool {
	if s.host.cfg.Network == nil {
		return false
	}
	for _, node := range want.Nodes {
		first, ok := s.leaderWithout(ctx, node)
		if !ok {
			continue
		}
		second, ok := s.leaderWithout(ctx, node)
		if !ok || second.Term != first.Term {
			return false
		}
		third, ok := s.leaderWithout(ctx, node)
		return ok && third.Term == first.Term && third.CommitIndex >= second.LastIndex
	}
	return false
}

// leaderWithout asks another node how its replica is; false unless that leads a group of which this node is
// no member.
func (s *hosted) leaderWithout(ctx context.Context, node string) (consensus.Stats, bool) {
	if node == s.host.cfg.Node {
		return consensus.Stats{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stats, err := s.host.cfg.Network.Status(ctx, node, s.id)
	if err != nil || stats.State != "Leader" {
		return consensus.Stats{}, false
	}
	self := func(m consensus.Server) bool { return m.ID == s.host.cfg.Node }
	return stats, !slices.ContainsFunc(stats.Members, self)
}

// erase removes the replica's files.
func (s *hosted) erase(want Assignment) {
	log := s.host.cfg.Logger.With("shard", s.id, "index", want.Index)
	if err := vfs.RemoveTree(s.host.cfg.FS, s.dir()); err != nil {
		log.Error("remove the files of a replica", "error", err)
		return
	}
	log.Info("replica removed")
}
