package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

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
	fsm      *fsm.FSM
	group    *consensus.Group
	follower *meta.Follower
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
	m := &metadata{}
	conf := metaConfig(cfg, who, net)
	if _, err := consensus.Adopt(conf); err != nil {
		return nil, fmt.Errorf("adopt metadata of another coordinator: %w", err)
	}
	if err := adoptMetadata(cfg, conf, dir); err != nil {
		return nil, fmt.Errorf("adopt metadata of another coordinator: %w", err)
	}
	var err error
	if m.fsm, err = fsm.Open(cfg.FS, dir); err != nil {
		return nil, err
	}
	if err := refuseLostMetadata(cfg, conf.Dir); err != nil {
		return nil, err
	}
	if m.group, err = consensus.Open(conf, m.fsm); err != nil {
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	source := meta.CoordinatorConfig{
		Self: who.ID, FSM: m.fsm, Group: m.group, Name: metaGroup, After: cfg.After,
	}
	if net != nil {
		source.Network, source.Caller = net.groups, net
	}
	coordinator := meta.NewCoordinator(source)
	m.Source = coordinator
	if net != nil {
		coordinator.Register(net.handle)
	}
	return m, nil
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
func (m *metadata) leads() bool { return m.group != nil && m.group.IsLeader() }

// recover returns when a node on its own has applied all that was committed.
func (m *metadata) recover(ctx context.Context) error {
	for {
		err := m.Sync(ctx)
		switch {
		case err == nil || m.fsm.Err() != nil:
			return errors.Join(err, m.fsm.Err())
		case !errors.Is(err, meta.ErrNoCoordinator):
			return err
		}
		select {
		case <-m.group.LeaderChanges():
		case <-m.group.Failed():
			return m.group.Err()
		case <-m.fsm.Failed():
			return m.fsm.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// err is why the metadata can't go on, nil while they can.
func (m *metadata) err() error {
	if m.group == nil {
		return nil
	}
	return errors.Join(m.fsm.Err(), m.group.Err())
}

func (m *metadata) close() error {
	if m.follower != nil {
		m.follower.Close()
	}
	if m.group != nil {
		return m.group.Close()
	}
	return nil
}
