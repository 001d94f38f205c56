package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

const (
	restoreMagic   = "SGRR"
	restoreVersion = 1
	restoreFixed   = 52 // bytes without the configuration and the reference
)

// restored is what lies beside fetched files: the snapshot they stand for, and the index they are durable to.
type restored struct {
	streamed
	durable uint64
}

func (r restored) encode() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(restoreMagic), restoreVersion)
	for _, v := range []uint64{r.index, r.term, r.members.index, r.durable} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, part := range [][]byte{raft.EncodeConfiguration(r.members.servers), r.ref.encode()} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return binary.LittleEndian.AppendUint32(b, envelopeCRC(b))
}

func decodeRestored(b []byte) (restored, error) {
	bad := func(what string) error {
		return fmt.Errorf("decode restore record of %d bytes: %s: %w", len(b), what, ErrReference)
	}
	if len(b) < restoreFixed || string(b[:4]) != restoreMagic ||
		binary.LittleEndian.Uint32(b[len(b)-4:]) != envelopeCRC(b[:len(b)-4]) {
		return restored{}, bad("magic or checksum is wrong")
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != restoreVersion {
		return restored{}, bad(fmt.Sprintf("version %d, this program reads %d", v, restoreVersion))
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	r := restored{streamed: streamed{index: word(8), term: word(16), members: membership{index: word(24)}}}
	r.durable = word(32)
	var parts [2][]byte
	rest := b[40 : len(b)-4]
	for i := range parts {
		if len(rest) < 4 || uint64(binary.LittleEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return restored{}, bad("a part is longer than the record")
		}
		n := binary.LittleEndian.Uint32(rest)
		parts[i], rest = rest[4:4+n], rest[4+n:]
	}
	if len(rest) != 0 {
		return restored{}, bad("bytes are left over")
	}
	var err error
	if r.members.servers, err = decodeConfiguration(parts[0]); err != nil {
		return restored{}, errors.Join(ErrReference, err)
	}
	r.ref, err = decodeReference(parts[1])
	return r, err
}

// writeRestore makes the fetched files in dir durable, and the record beside them.
func writeRestore(dir string, r restored) error {
	if err := os.WriteFile(filepath.Join(dir, restoreFile), r.encode(), 0o600); err != nil {
		return fmt.Errorf("write restore record: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("sync fetched files: %w", err)
		}
		return syncPath(path)
	})
}

// renameDurably moves a directory; it is there whole, or not at all.
func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("take fetched files: %w", err)
	}
	return syncPath(filepath.Dir(to))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// Adopt makes the group in cfg.Dir continue from the files that were fetched into cfg.RestoreDir, if there are any, and
// tells whether there are. The owner calls it before it opens its machine. When it tells true, the owner moves
// the machine's files, all that are in RestoreDir but the one named reference, to their place, and calls FinishAdopt;
// until then Open refuses. Each step may be interrupted and done again.
//
// The log is emptied, the term and the vote stay, and the snapshot that the files stand for becomes the group's.
func Adopt(cfg Config) (adopted bool, err error) {
	if cfg.RestoreDir == "" {
		return false, fmt.Errorf("%w: RestoreDir is empty", ErrInvalidConfig)
	}
	if err := cfg.Validate(); err != nil {
		return false, err
	}
	if err := os.RemoveAll(cfg.RestoreDir + partialSuffix); err != nil {
		return false, fmt.Errorf("remove unfinished restore: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(cfg.RestoreDir, restoreFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, FinishAdopt(cfg) // it was interrupted, if there is anything
	}
	if err != nil {
		return false, fmt.Errorf("adopt restored files: %w", err)
	}
	r, err := decodeRestored(raw)
	if err != nil {
		return false, fmt.Errorf("adopt restored files in %s: %w", cfg.RestoreDir, err)
	}
	if err := adopt(cfg, r); err != nil {
		return false, fmt.Errorf("adopt restored files in %s: %w", cfg.RestoreDir, err)
	}
	return true, nil
}

func adopt(cfg Config, r restored) (err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	logs, err := cfg.store()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	if err := emptyLog(logs); err != nil {
		return err
	}
	files, err := cfg.snapshotStore()
	if err != nil {
		return err
	}
	r.ref.durable, r.ref.ahead = r.durable, r.durable
	if done, err := isNewest(files, r); err == nil && done {
		return nil // an earlier attempt got this far; a damaged snapshot is replaced
	}
	_, via := raft.NewInmemTransport(raft.ServerAddress(cfg.ID))
	sink, err := files.Create(1, r.index, r.term, r.members.servers, r.members.index, via)
	if err != nil {
		return err
	}
	if _, err := sink.Write(r.ref.encode()); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	if done, err := isNewest(files, r); err != nil || !done {
		return errors.Join(fmt.Errorf("an own snapshot is newer than the one at index %d: %w", r.index, ErrReference), err)
	}
	return nil
}

// isNewest tells whether the group's newest snapshot is the restored one.
func isNewest(files raft.SnapshotStore, r restored) (bool, error) {
	meta, ref, err := newestReference(files)
	if err != nil || meta == nil {
		return false, err
	}
	return meta.Index == r.index && meta.Term == r.term && ref.durable == r.durable && ref.ahead == r.durable, nil
}

func emptyLog(logs store) error {
	first, err := logs.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return err
	}
	return logs.DeleteRange(first, last)
}

// FinishAdopt removes cfg.RestoreDir after the owner has moved its files.
func FinishAdopt(cfg Config) error {
	if _, err := os.Stat(cfg.RestoreDir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	// The record goes first: what is left without it is known to be done with.
	record := filepath.Join(cfg.RestoreDir, restoreFile)
	if err := os.Remove(record); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("finish restore: %w", err)
	}
	if err := syncPath(cfg.RestoreDir); err != nil {
		return err
	}
	if err := os.RemoveAll(cfg.RestoreDir); err != nil {
		return fmt.Errorf("finish restore: %w", err)
	}
	return syncPath(filepath.Dir(cfg.RestoreDir))
}
