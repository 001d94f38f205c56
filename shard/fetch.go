package shard

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sagasu/shard/rpc"
)

// fetcher gives replica.Config.Fetch: it copies another node's replica of a shard. Segments that this node
// holds already, by content, are linked instead of fetched.
func (h *Host) fetcher(shard, own string) func(ctx context.Context, from, into string) (uint64, error) {
	return func(ctx context.Context, from, into string) (uint64, error) {
		valve := h.valveOf(shard)
		if err := valve.pass(ctx, 0); err != nil {
			return 0, err
		}
		c, err := h.cfg.Peers.OpenCheckpoint(ctx, from, shard)
		if err != nil {
			return 0, err
		}
		f := &fetch{host: h, from: from, into: into, checkpoint: c, own: map[content]string{}, valve: valve}
		err = f.run(ctx, own)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
		defer cancel()
		if closeErr := h.cfg.Peers.CloseCheckpoint(closing, from, c.Session); closeErr != nil {
			h.cfg.Logger.Debug("close checkpoint", "node", from, "error", closeErr)
		}
		if err != nil {
			return 0, err
		}
		h.cfg.Logger.Info("copied a replica", "shard", shard, "from", from, "files", len(c.Files),
			"linked", f.linked, "bytes", f.bytes)
		return c.Durable, nil
	}
}

// fetch is one copying.
type fetch struct {
	host       *Host
	from, into string
	checkpoint rpc.Checkpoint
	// own are this node's files of the same shard.
	own    map[content]string
	linked int
	bytes  int64
	// valve is what the bytes pass through.
	valve *valve
}

// valveOf gives the valve of a shard's copies; an open one if this node has no such replica any more.
func (h *Host) valveOf(shard string) *valve {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if s := h.shards[shard]; s != nil {
		return s.valve
	}
	return newValve(h.cfg.Now, h.cfg.After)
}

// content is what a file holds.
type content struct {
	size int64
	sum  [sha256.Size]byte
}

func (f *fetch) run(ctx context.Context, own string) error {
	if err := f.survey(ctx, own); err != nil {
		return err
	}
	total := int64(0)
	for _, file := range f.checkpoint.Files {
		total += file.Size
	}
	f.valve.begin(total)
	dirs := map[string]bool{f.into: true}
	for _, file := range f.checkpoint.Files {
		if err := rpc.CheckPath(file.Path); err != nil {
			return err
		}
		to := joinPath(f.into, file.Path)
		if dir := filepath.Dir(to); !dirs[dir] {
			if err := f.host.cfg.FS.MkdirAll(dir); err != nil {
				return fmt.Errorf("make directory of a copy: %w", err)
			}
			dirs[dir] = true
		}
		if at, ok := f.own[content{file.Size, file.SHA256}]; ok && f.host.cfg.FS.Link(at, to) == nil {
			f.linked++
			f.valve.skip(file.Size)
			continue
		}
		if err := f.copyFile(ctx, file, to); err != nil {
			return err
		}
	}
	var errs []error
	for dir := range dirs {
		errs = append(errs, f.host.cfg.FS.SyncDir(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sync copy: %w", err)
	}
	return nil
}

// survey finds the segments of this node that could be in the checkpoint: those of a size that occurs there.
// Other files are small, and may be changed in place.
func (f *fetch) survey(ctx context.Context, own string) error {
	sizes := map[int64]bool{}
	for _, file := range f.checkpoint.Files {
		sizes[file.Size] = true
	}
	for _, path := range segments(own) {
		info, err := os.Stat(path)
		if err != nil || !sizes[info.Size()] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// One that was merged away meanwhile is only fetched again.
		if sum, size, err := digestFile(path); err == nil {
			f.own[content{size, sum}] = path
		}
	}
	return nil
}

// segments gives the segments and files of vectors in the directories of a replica; they never change.
func segments(own string) (paths []string) {
	parts, err := os.ReadDir(own)
	if err != nil {
		return nil
	}
	for _, part := range parts {
		files, err := os.ReadDir(filepath.Join(own, part.Name()))
		if err != nil {
			continue
		}
		for _, file := range files {
			if strings.HasSuffix(file.Name(), ".seg") || strings.HasSuffix(file.Name(), ".flat") {
				paths = append(paths, filepath.Join(own, part.Name(), file.Name()))
			}
		}
	}
	return paths
}

func (f *fetch) copyFile(ctx context.Context, file rpc.File, to string) error {
	out, err := f.host.cfg.FS.Create(to)
	if err != nil {
		return fmt.Errorf("create copy: %w", err)
	}
	err = f.host.cfg.Peers.CopyFile(ctx, f.from, f.checkpoint.Session, file, throttled{ctx, f.valve, out})
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", file.Path, err)
	}
	f.bytes += file.Size
	return nil
}
