package consensus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Open starts a replica with the state in cfg.Dir and the machine's own. It refuses, with ErrStateBehind, ErrLogBehind,
// ErrDiverged or ErrReference, a log and a machine that do not fit together, and with boltstore's errors a log that
// is locked, damaged or too new. The caller closes the machine after the group.
func Open(cfg Config, machine StateMachine) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open group %s: %w", cfg.Group, err)
	}
	if err := cfg.pending(); err != nil {
		return nil, fmt.Errorf("open group %s: %w", cfg.Group, err)
	}
	opened, err := cfg.store()
	if err != nil {
		return nil, fmt.Errorf("open group %s: %w", cfg.Group, err)
	}
	g, err := start(cfg, machine, opened)
	if err != nil {
		g.unlink()
		return nil, errors.Join(fmt.Errorf("open group %s in %s: %w", cfg.Group, cfg.Dir, err), opened.Close())
	}
	if err := g.metrics.register(); err != nil {
		return nil, errors.Join(fmt.Errorf("open group %s: %w", cfg.Group, err), g.Close())
	}
	return g, nil
}

// pending refuses while restored files wait to be adopted.
func (c Config) pending() error {
	if c.RestoreDir == "" {
		return nil
	}
	if _, err := os.Stat(c.RestoreDir); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: %w", c.RestoreDir, ErrRestorePending), err)
	}
	return nil
}

// start builds a group over its opened store. On an error nothing is left running but its link, if it has one.
func start(cfg Config, machine StateMachine, opened store) (*Group, error) {
	g := &Group{
		cfg: cfg, failure: newFailure(), metrics: newMetrics(cfg.Group, cfg.Registerer),
		leading: make(chan bool, 1), reads: make(chan chan verdict), peers: cfg.Transport,
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if g.peers == nil && cfg.Network != nil {
		g.link = cfg.Network.Transport(cfg.Group)
		g.link.timeout = cfg.ElectionTimeout
		g.peers = g.link
	}
	if g.peers == nil {
		address := raft.ServerAddress(cfg.Address)
		if address == "" {
			address = raft.ServerAddress(cfg.ID)
		}
		_, g.peers = raft.NewInmemTransport(address)
	}
	files, err := cfg.snapshotStore()
	if err != nil {
		return g, err
	}
	g.snapshots = &snapshots{SnapshotStore: files, receive: g.receive, fail: g.fail}
	g.guard = newGuard(opened, g.failure, g.fail)
	g.guard.observe, g.guard.discardable = g.metrics.observeWrite, g.durable.Load
	g.fsm = &fsm{
		machine: machine, window: newWindow(), failure: g.failure, fail: g.fail, persist: g.persist,
		batch: g.metrics.batch, floor: machine.AppliedIndex(), command: machine.AppliedIndex(), hashEvery: cfg.HashEvery,
		ahead: &g.ahead, after: g.committed,
	}
	g.fsm.members.Store(&membership{})
	g.started = make(chan struct{})
	g.fsm.applied.advance(g.fsm.floor)
	g.durable.Store(g.fsm.floor)
	meta, ref, err := newestReference(files)
	if err != nil {
		return g, err
	}
	if err := g.resume(opened, meta, ref); err != nil {
		return g, err
	}
	if err := g.bootstrap(opened, files); err != nil {
		return g, err
	}
	g.gauges()
	return g, g.run()
}

// resume compares the log, the newest snapshot (meta is nil without one) and the machine, and begins where they are.
func (g *Group) resume(logs store, meta *raft.SnapshotMeta, ref reference) error {
	last, err := logs.LastIndex()
	if err != nil {
		return err
	}
	if meta != nil && last < meta.Index && !ref.old && g.fsm.floor >= ref.command {
		// A snapshot of the leader's was taken over, and the process ended before the log behind it was gone.
		if err := emptyLog(logs); err != nil {
			return err
		}
	}
	if ref.ahead, err = mayBe(logs, ref); err != nil {
		return err
	}
	if err := checkFit(logs, meta, ref, g.fsm.machine); err != nil {
		return err
	}
	if meta != nil {
		g.fsm.members.Store(&membership{meta.ConfigurationIndex, meta.Configuration})
	}
	if ref.old {
		g.fsm.seen = g.fsm.floor
		return readWindow(logs, g.fsm.floor, g.fsm.window)
	}
	g.ahead.Store(ref.ahead)
	g.fsm.seen = ref.seen
	g.fsm.window.restore(ref.keys)
	return nil
}

func checkFit(logs raft.LogStore, meta *raft.SnapshotMeta, ref reference, machine StateMachine) error {
	first, err := logs.FirstIndex()
	if err != nil {
		return err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return err
	}
	applied, covered := machine.AppliedIndex(), uint64(0)
	if meta != nil {
		covered = meta.Index
	}
	switch {
	case applied < ref.command:
		return fmt.Errorf("machine is durable to index %d, the snapshot needs %d: %w", applied, ref.command, ErrStateBehind)
	case applied > max(last, covered, ref.ahead), ref.old && last < max(applied, covered):
		return fmt.Errorf("log ends at index %d, machine is at %d, snapshot at %d: %w", last, applied, covered, ErrLogBehind)
	case first > covered+1:
		return fmt.Errorf("log begins at index %d, the snapshot ends at %d: %w", first, covered, ErrLogBehind)
	case meta != nil && applied == ref.command && machine.Hash() != ref.hash:
		return fmt.Errorf("machine at index %d hashes to %016x, its snapshot says %016x: %w",
			applied, machine.Hash(), ref.hash, ErrDiverged)
	}
	return nil
}

// readWindow reads the keys before the first entry that will be applied, where the snapshot does not have them.
func readWindow(logs raft.LogStore, applied uint64, w *window) error {
	first, err := logs.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	from := applied + 1 - min(applied, DedupWindow)
	if from < first {
		return fmt.Errorf("log begins at index %d, keys are needed from %d on: %w", first, from, ErrLogBehind)
	}
	for index := from; index <= applied; index++ {
		var log raft.Log
		if err := logs.GetLog(index, &log); err != nil {
			return err
		}
		if log.Type != raft.LogCommand {
			continue
		}
		e, err := decodeEnvelope(log.Data)
		if err != nil && !(errors.Is(err, ErrUnreadable) && e.Flags&FlagIgnorable != 0) {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		w.see(index, e.Key)
	}
	return nil
}

// bootstrap founds the group in an empty directory, if it shall.
func (g *Group) bootstrap(opened store, files raft.SnapshotStore) error {
	exists, err := raft.HasExistingState(opened, opened, files)
	if err != nil || exists || !g.cfg.Bootstrap {
		return err
	}
	servers := g.cfg.servers(g.peers.LocalAddr())
	return raft.BootstrapCluster(g.cfg.raftConfig(), opened, opened, files, g.peers, servers)
}

// run starts raft and the group's goroutines. raft is made on a goroutine of its own, as a failing store ends the
// one it is called from, and raft panics where it can't read its log.
func (g *Group) run() (err error) {
	preVote, ok := g.peers.(raft.WithPreVote)
	if !ok {
		return fmt.Errorf("%w: Transport %T does not support pre-vote", ErrInvalidConfig, g.peers)
	}
	g.via = &transport{Transport: g.peers, preVote: preVote, failure: g.failure}
	var via raft.Transport = g.via
	if g.link != nil {
		g.via.confirmed = g.announcer.note
		via = &replication{g.via, g}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("start raft: %v: %w", p, ErrStore)
			}
		}()
		g.raft, err = raft.NewRaft(g.cfg.raftConfig(), g.fsm, g.guard, g.guard, g.snapshots, via)
	}()
	<-done
	if err = errors.Join(err, g.failure.err()); err != nil {
		if g.raft != nil {
			g.raft.Shutdown()
		}
		return err
	}
	close(g.started)
	if g.link != nil {
		g.link.owner.Store(g)
	}
	// Once: raft's second future does not wait for its goroutines.
	g.shutdown = sync.OnceValue(func() raft.Future { return g.raft.Shutdown() })
	for _, routine := range []func(){g.watch, g.follow, g.serveReads} {
		g.routines.Go(routine)
	}
	return g.elect()
}

// elect makes a lone voter stand at once: raft looks at its election timer when the timer is shortened.
func (g *Group) elect() error {
	if !g.alone() {
		return nil
	}
	timers := g.raft.ReloadableConfig()
	if timers.HeartbeatTimeout -= time.Millisecond; !g.cfg.solo() && timers.HeartbeatTimeout < g.cfg.LeaderLease {
		return nil // there is no room to shorten it
	}
	return g.raft.ReloadConfig(timers)
}

func (g *Group) gauges() {
	add := func(name, help string, read func() float64) { g.metrics.gauge(g.cfg.Group, name, help, read) }
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	add("consensus_failed", "1 when the replica has failed and must be reopened.",
		func() float64 { return flag(g.failure.err() != nil) })
	add("consensus_leader", "1 while this replica leads.", func() float64 { return flag(g.IsLeader()) })
	add("consensus_applied_index", "Last entry the state machine has seen.",
		func() float64 { return float64(g.AppliedIndex()) })
	add("consensus_log_entries", "Entries the log holds: a follower further behind needs a snapshot.",
		func() float64 { return float64(g.Stats().LogEntries()) })
}
