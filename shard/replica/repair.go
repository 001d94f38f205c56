package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

const (
	recordMagic   = "SGRP"
	recordVersion = 1
	recordBytes   = 20 // magic, version u32, log index u64, CRC-32C of the bytes before u32
)

// Repaired is what Repair did.
type Repaired struct {
	// Index is the log index that the new files are durable to.
	Index uint64
	// Aside is where the former files are now.
	Aside string
}

// Repair replaces the indexes of the replica in cfg.Dir, which must not be open, by those that another node's replica
// has, cfg.Fetch being what copies them; then Open opens them. What is fetched is verified before anything changes.
// The former files are moved to the directory DamagedDir, which until then has those of the last repair. The log stays,
// and with it all that this replica acknowledged and its vote; what the new files lack, or have more, is made up for
// by the log. A repair that is interrupted after the files were verified is finished by Open, one before that leaves
// no trace. Errors: ErrCopyDamaged, consensus.ErrStateBehind if the other one is not as far as the log needs it,
// vfs.ErrLocked, Fetch's.
func Repair(ctx context.Context, cfg Config, from string) (_ Repaired, err error) {
	if err := cfg.Validate(); err != nil {
		return Repaired{}, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("repair replica of index %q from node %s: %w", cfg.Name, from, err)
		}
	}()
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, lockFile))
	if err != nil {
		return Repaired{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	r := &Replica{cfg: cfg}
	partial := filepath.Join(cfg.Dir, repairPartial)
	index, err := r.fetchRepair(ctx, from, partial)
	if err != nil {
		return Repaired{}, errors.Join(err, vfs.RemoveTree(cfg.FS, partial))
	}
	if err := r.commitRepair(partial, index); err != nil {
		return Repaired{}, err
	}
	if err := r.finishRepair(); err != nil {
		return Repaired{}, err
	}
	return Repaired{Index: index, Aside: filepath.Join(cfg.Dir, DamagedDir)}, nil
}

// fetchRepair brings whole files into a directory and gives the log index they are durable to.
func (r *Replica) fetchRepair(ctx context.Context, from, partial string) (uint64, error) {
	floor, err := consensus.Floor(r.consensusConfig())
	if err != nil {
		return 0, err
	}
	if err := vfs.RemoveTree(r.cfg.FS, partial); err != nil {
		return 0, fmt.Errorf("remove unfinished repair: %w", err)
	}
	if err := r.cfg.FS.MkdirAll(partial); err != nil {
		return 0, err
	}
	index, err := r.cfg.Fetch(ctx, from, partial)
	if err != nil {
		return 0, fmt.Errorf("fetch files: %w", err)
	}
	applied, err := verifyFiles(ctx, r.cfg.FS, partial)
	switch {
	case Damaged(err):
		return 0, fmt.Errorf("%w: %w", ErrCopyDamaged, err)
	case err != nil:
		return 0, err
	case applied < index:
		return 0, fmt.Errorf("%w: documents are at entry %d, %d was told", ErrCopyDamaged, applied, index)
	case index < floor:
		return 0, fmt.Errorf("files are durable to entry %d, the log begins behind %d: %w", index, floor,
			consensus.ErrStateBehind)
	}
	return index, nil
}

// commitRepair makes verified files those that Open puts in their place, whatever happens from here on.
func (r *Replica) commitRepair(partial string, index uint64) error {
	fsys := r.cfg.FS
	if err := vfs.RemoveTree(fsys, filepath.Join(r.cfg.Dir, DamagedDir)); err != nil {
		return fmt.Errorf("remove files of the last repair: %w", err)
	}
	if err := vfs.Replace(fsys, filepath.Join(partial, repairRecord), encodeRecord(index)); err != nil {
		return fmt.Errorf("write record of a repair: %w", err)
	}
	if err := fsys.SyncDir(partial); err != nil {
		return fmt.Errorf("sync fetched files: %w", err)
	}
	if err := fsys.Rename(partial, filepath.Join(r.cfg.Dir, repairDir)); err != nil {
		return fmt.Errorf("take fetched files: %w", err)
	}
	return fsys.SyncDir(r.cfg.Dir)
}

// finishRepair puts fetched files in the place of this replica's, if there are any. Each step can be done again, so
// that a stop between any two does no harm.
func (r *Replica) finishRepair() error {
	if err := vfs.RemoveTree(r.cfg.FS, filepath.Join(r.cfg.Dir, repairPartial)); err != nil {
		return fmt.Errorf("remove unfinished repair: %w", err)
	}
	dir := filepath.Join(r.cfg.Dir, repairDir)
	there, err := vfs.HasDir(r.cfg.FS, dir)
	if err != nil || !there {
		return err
	}
	data, err := r.cfg.FS.ReadFile(filepath.Join(dir, repairRecord))
	if err == nil {
		err = r.putInPlace(dir, data)
	}
	switch {
	case errors.Is(err, ErrRecord):
		// Whatever is in place is verified when it is opened, and repaired once more if need be.
		r.cfg.Logger.Warn("fetched files are dropped", "index", r.cfg.Name, "shard", r.cfg.Shard, "error", err)
	case errors.Is(err, fs.ErrNotExist): // the files are in their place already
	case err != nil:
		return fmt.Errorf("finish repair in %s: %w", dir, err)
	}
	if err := vfs.RemoveTree(r.cfg.FS, dir); err != nil {
		return fmt.Errorf("finish repair: %w", err)
	}
	return r.cfg.FS.SyncDir(r.cfg.Dir)
}

func (r *Replica) putInPlace(dir string, record []byte) error {
	index, err := decodeRecord(record)
	if err != nil {
		return err
	}
	// Before the files: a log that seems to have lost its end is refused.
	if err := consensus.Advance(r.consensusConfig(), index); err != nil {
		return err
	}
	names, err := r.adoptable(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.swapDir(name); err != nil {
			return fmt.Errorf("replace %s index: %w", name, err)
		}
	}
	if err := r.cfg.FS.Remove(filepath.Join(dir, repairRecord)); err != nil {
		return err
	}
	return r.cfg.FS.SyncDir(dir)
}

// swapDir sets an own directory aside and puts the fetched one in its place; one that is not there is in place already.
func (r *Replica) swapDir(name string) error {
	fsys := r.cfg.FS
	from, to := filepath.Join(r.cfg.Dir, repairDir, name), filepath.Join(r.cfg.Dir, name)
	there, err := vfs.HasDir(fsys, from)
	if err != nil || !there {
		return err
	}
	if there, err = vfs.HasDir(fsys, to); err != nil {
		return err
	}
	if there {
		aside := filepath.Join(r.cfg.Dir, DamagedDir)
		if err := fsys.MkdirAll(aside); err != nil {
			return err
		}
		// What has the name there is of an earlier repair.
		if err := vfs.RemoveTree(fsys, filepath.Join(aside, name)); err != nil {
			return err
		}
		if err := fsys.Rename(to, filepath.Join(aside, name)); err != nil {
			return err
		}
		if err := fsys.SyncDir(aside); err != nil {
			return err
		}
	}
	if err := fsys.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(fsys.SyncDir(r.cfg.Dir), fsys.SyncDir(filepath.Dir(from)))
}

func encodeRecord(index uint64) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(recordMagic), recordVersion)
	b = binary.LittleEndian.AppendUint64(b, index)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeRecord(b []byte) (index uint64, err error) {
	if len(b) != recordBytes || string(b[:4]) != recordMagic ||
		binary.LittleEndian.Uint32(b[16:]) != crc32.Checksum(b[:16], crc32.MakeTable(crc32.Castagnoli)) {
		return 0, ErrRecord
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != recordVersion {
		return 0, fmt.Errorf("version %d, this build reads %d: %w", v, recordVersion, ErrRecord)
	}
	return binary.LittleEndian.Uint64(b[8:]), nil
}
