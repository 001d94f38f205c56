package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
	"sagasu/shard/replica"
)

// Recover makes this stopped node's replica of a group the origin of that group, for the case that most of its
// members are lost for ever: the metadata ("meta"), or a shard by its id. When the node is started again, the
// group has this one member, and gets others as the metadata want. What the lost majority acknowledged and this
// replica does not have is lost; the report tells what is known of it. The node must not run; errors are those
// of consensus.Recover, vfs.ErrLocked, ErrData, and fs.ErrNotExist for a group that is not here.
func Recover(ctx context.Context, cfg Config, group string) (consensus.RecoverReport, error) {
	return withGroup(ctx, cfg, group, func(conf consensus.Config) (consensus.RecoverReport, error) {
		return consensus.Recover(conf, []string{conf.ID})
	})
}

// Survey tells what Recover would do, and changes nothing.
func Survey(ctx context.Context, cfg Config, group string) (consensus.RecoverReport, error) {
	return withGroup(ctx, cfg, group, consensus.Survey)
}

// withGroup calls f with the configuration of a group of a stopped node.
func withGroup(ctx context.Context, cfg Config, group string,
	f func(consensus.Config) (consensus.RecoverReport, error),
) (report consensus.RecoverReport, err error) {
	if _, err := cfg.FS.ReadFile(filepath.Join(cfg.DataDir, versionFile)); err != nil {
		return report, fmt.Errorf("open data directory %s: %w: %w", cfg.DataDir, ErrData, err)
	}
	lock, who, err := lockData(cfg.FS, cfg.DataDir, cfg.ID)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := ctx.Err(); err != nil {
		return report, err
	}
	dir := filepath.Join(cfg.DataDir, indexesDir, group, replica.LogDir)
	if group == metaGroup {
		dir = filepath.Join(cfg.DataDir, metaDir, metaLogDir)
	}
	there, err := vfs.HasDir(cfg.FS, dir)
	if err != nil {
		return report, fmt.Errorf("look for group %s: %w", group, err)
	}
	if !there {
		groups, err := Groups(cfg)
		return report, errors.Join(fmt.Errorf("group %q is not in %s, which has %v: %w", group, cfg.DataDir, groups,
			fs.ErrNotExist), err)
	}
	conf := consensus.Default()
	conf.Dir, conf.ID, conf.Group, conf.Logger = dir, who.ID, group, cfg.Logger
	conf.RestoreDir = filepath.Join(filepath.Dir(dir), metaRestoredDir)
	return f(conf)
}

// Groups gives the groups that a data directory has replicas of.
func Groups(cfg Config) ([]string, error) {
	var groups []string
	meta, err := vfs.HasDir(cfg.FS, filepath.Join(cfg.DataDir, metaDir, metaLogDir))
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	if meta {
		groups = append(groups, metaGroup)
	}
	names, err := cfg.FS.List(filepath.Join(cfg.DataDir, indexesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	for _, name := range names {
		shard, err := vfs.HasDir(cfg.FS, filepath.Join(cfg.DataDir, indexesDir, name, replica.LogDir))
		if err != nil {
			return nil, fmt.Errorf("list groups: %w", err)
		}
		if shard {
			groups = append(groups, name)
		}
	}
	return groups, nil
}
