package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync/atomic"

	"sagasu/coordinator/fsm"
	"sagasu/coordinator/meta"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

// metaGroup names the raft group of the coordinators.
const metaGroup = "meta"

// metadata is the metadata of a node: its own replica on a coordinator, a followed copy elsewhere.
type metadata struct {
	meta.Source
	follower *meta.Follower
	// coordinator is nil on a node that follows; open opens its group, at first and anew.
	coordinator *meta.Coordinator
	open        func() (meta.Parts, error)
	// failure is why the group could not be opened anew; nil while there is none.
	failure atomic.Pointer[error]
}

// group is the coordinators' raft group, nil on a node that follows.
func (m *metadata) group() *consensus.Group {
	if m.coordinator == nil {
		return nil
	}
	return m.coordinator.Parts().Group
}

// openMetadata opens the metadata of a node; net is nil for a node on its own.
func openMetadata(cfg *Config, who identity, net *network) (*metadata, error) {
	dir := filepath.Join(cfg.DataDir, metaDir)
	if !cfg.has(state.RoleCoordinator) {
		follower, err := meta.Follow(meta.FollowerConfig{
			FS: cfg.FS, Dir: dir, Caller: net, Coordinators: net.coordinators, After: cfg.After, Logger: cfg.Logger,
		})
		if err != nil {
			return nil, err
		}
		return &metadata{Source: follower, follower: follower}, nil
	}
	m := &metadata{open: func() (meta.Parts, error) { return openMetaGroup(cfg, who, net, dir) }}
	parts, err := m.open()
	if err != nil {
		return nil, err
	}
	source := meta.CoordinatorConfig{Self: who.ID, Parts: parts, Name: metaGroup, After: cfg.After}
	if net != nil {
		source.Network, source.Caller = net.groups, net
	}
	m.coordinator = meta.NewCoordinator(source)
	m.Source = m.coordinator
	if net != nil {
		m.coordinator.Register(net.handle)
	}
	return m, nil
}

// openMetaGroup opens the coordinators' raft group with the state it has here, or that was fetched from another
// coordinator.
func openMetaGroup(cfg *Config, who identity, net *network, dir string) (parts meta.Parts, err error) {
	conf := metaConfig(cfg, who, net)
	if _, err := consensus.Adopt(conf); err != nil {
		return parts, fmt.Errorf("adopt metadata of another coordinator: %w", err)
	}
	if err := adoptMetadata(cfg, conf, dir); err != nil {
		return parts, fmt.Errorf("adopt metadata of another coordinator: %w", err)
	}
	if parts.FSM, err = fsm.Open(cfg.FS, dir); err != nil {
		return parts, err
	}
	if err := refuseLostMetadata(cfg, conf.Dir); err != nil {
		return parts, err
	}
	if parts.Group, err = consensus.Open(conf, parts.FSM); err != nil {
		return parts, fmt.Errorf("open metadata log: %w", err)
	}
	return parts, nil
}

// mend opens the group anew when it has failed: that is how it takes over the state of another coordinator, and
// how it goes on after a disk that stalled. A command that this program can't read ends it for good.
func (m *metadata) mend(ctx context.Context, cfg *Config) {
	for {
		parts := m.coordinator.Parts()
		select {
		case <-parts.Group.Failed():
		case <-ctx.Done():
			return
		}
		if parts.FSM.Err() != nil {
			return
		}
		if !errors.Is(parts.Group.Err(), consensus.ErrRestored) {
			cfg.Logger.Error("metadata group failed, it is opened again", "error", parts.Group.Err())
		}
		for {
			err := m.reopen(parts)
			if err == nil {
				break
			}
			m.failure.Store(&err)
			cfg.Logger.Error("open the metadata group again", "error", err)
			select {
			case <-cfg.After(loopEvery):
			case <-ctx.Done():
				return
			}
		}
		m.failure.Store(nil)
	}
}

// reopen closes the failed group, which may be closed already, and opens it anew.
func (m *metadata) reopen(failed meta.Parts) error {
	if err := failed.Group.Close(); err != nil {
		return err
	}
	parts, err := m.open()
	if err != nil {
		return err
	}
	m.coordinator.Replace(parts)
	return nil
}

// metaConfig is the configuration of the metadata's log. A node on its own, or one that is told to found a
// cluster alone, bootstraps the group at once; founders that are several agree first.
func metaConfig(cfg *Config, who identity, net *network) consensus.Config {
	conf := consensus.Default()
	dir := filepath.Join(cfg.DataDir, metaDir)
	conf.Dir, conf.RestoreDir = filepath.Join(dir, metaLogDir), filepath.Join(dir, metaRestoredDir)
	conf.ID, conf.Group = who.ID, metaGroup
	conf.Bootstrap = net == nil || cfg.Cluster.Expect == 1
	conf.Logger, conf.Registerer = cfg.Logger, cfg.Registry
	if cfg.TrailingLogs > 0 {
		conf.TrailingLogs = cfg.TrailingLogs
	}
	if net != nil {
		conf.Network = net.groups
		conf.Fetch = fetchMetadata(cfg, net)
	}
	return conf
}

// refuseLostMetadata returns ErrData if there are indexes and the log that names them is gone: with an
// empty log they would be taken for deleted ones and removed.
func refuseLostMetadata(cfg *Config, logDir string) error {
	files, err := cfg.FS.List(logDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list metadata log: %w", err)
	}
	if slices.ContainsFunc(files, func(name string) bool { return filepath.Ext(name) == ".db" }) {
		return nil
	}
	indexes, err := cfg.FS.List(filepath.Join(cfg.DataDir, indexesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list indexes: %w", err)
	}
	if len(indexes) > 0 {
		return fmt.Errorf("%w: %s has %d indexes, but their metadata log in %s is gone", ErrData,
			cfg.DataDir, len(indexes), logDir)
	}
	return nil
}

// leads reports whether this node leads the metadata.
func (m *metadata) leads() bool { return m.coordinator != nil && m.group().IsLeader() }

// recover returns when a node on its own has applied all that was committed.
func (m *metadata) recover(ctx context.Context) error {
	parts := m.coordinator.Parts()
	for {
		err := m.Sync(ctx)
		switch {
		case err == nil || parts.FSM.Err() != nil:
			return errors.Join(err, parts.FSM.Err())
		case !errors.Is(err, meta.ErrNoCoordinator):
			return err
		}
		select {
		case <-parts.Group.LeaderChanges():
		case <-parts.Group.Failed():
			return parts.Group.Err()
		case <-parts.FSM.Failed():
			return parts.FSM.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// err is why the metadata can't go on, nil while they can.
func (m *metadata) err() error {
	if m.coordinator == nil {
		return nil
	}
	parts := m.coordinator.Parts()
	err := errors.Join(parts.FSM.Err(), parts.Group.Err())
	if failure := m.failure.Load(); failure != nil {
		err = errors.Join(err, *failure)
	}
	return err
}

func (m *metadata) close() error {
	if m.follower != nil {
		m.follower.Close()
	}
	if m.coordinator != nil {
		return m.group().Close()
	}
	return nil
}
