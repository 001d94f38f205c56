package shard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/shard/rpc"
)

// transfersDir is the directory, beside those of the replicas, of checkpoints that others fetch.
const transfersDir = "transfers"

// transfers gives checkpoints of this node's replicas to others.
type transfers struct {
	host *Host
	dir  string
	pace *pace

	// mu guards sessions and closed.
	mu       sync.Mutex
	sessions map[string]*session
	closed   bool
}

// session is a checkpoint that somebody fetches.
type session struct {
	dir string
	// used is when it was asked for last, busy how many calls need it now.
	used time.Time
	busy int
}

var _ rpc.Transfers = (*transfers)(nil)

// Transfers gives what answers other nodes' calls for this node's files.
func (h *Host) Transfers() rpc.Transfers { return h.transfers }

// newTransfers removes what an earlier process left.
func newTransfers(h *Host) (*transfers, error) {
	t := &transfers{
		host: h, dir: filepath.Join(h.cfg.Dir, transfersDir), sessions: map[string]*session{},
		pace: newPace(h.cfg.TransferBytesPerSecond, h.cfg.Now, h.cfg.After),
	}
	if err := vfs.RemoveTree(h.cfg.FS, t.dir); err != nil {
		return nil, fmt.Errorf("remove left-over checkpoints: %w", err)
	}
	return t, nil
}

// OpenCheckpoint implements rpc.Transfers.
func (t *transfers) OpenCheckpoint(ctx context.Context, group string) (rpc.Checkpoint, error) {
	t.expire()
	name, dir, err := t.begin()
	if err != nil {
		return rpc.Checkpoint{}, err
	}
	c, err := t.fill(ctx, group, dir)
	t.leave(name)
	if err != nil {
		return rpc.Checkpoint{}, errors.Join(err, t.CloseCheckpoint(ctx, name))
	}
	c.Session = name
	return c, nil
}

// begin makes room for a session.
func (t *transfers) begin() (name, dir string, err error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", "", fmt.Errorf("name a session: %w", err)
	}
	name = hex.EncodeToString(random[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return "", "", fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	case len(t.sessions) >= maxSessions:
		return "", "", fmt.Errorf("%d replicas are being copied from here: %w", maxSessions, api.ErrOverloaded)
	}
	dir = filepath.Join(t.dir, name)
	t.sessions[name] = &session{dir: dir, busy: 1}
	return name, dir, nil
}

// enter begins to use a session, which leave ends; nil if there is none.
func (t *transfers) enter(name string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sessions[name]
	if s != nil {
		s.busy++
	}
	return s
}

func (t *transfers) leave(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sessions[name]; s != nil {
		s.busy--
		s.used = t.host.cfg.Now()
	}
}

// fill makes the checkpoint and lists it.
func (t *transfers) fill(ctx context.Context, group, dir string) (rpc.Checkpoint, error) {
	t.host.mu.RLock()
	s := t.host.shards[group]
	version := t.host.version
	t.host.mu.RUnlock()
	if s == nil {
		return rpc.Checkpoint{}, &rpc.NoShardError{Shard: group, Version: version}
	}
	e, err := local{s}.begin(ctx, rpc.Call{Shard: group})
	if err != nil {
		return rpc.Checkpoint{}, err
	}
	c := rpc.Checkpoint{}
	c.Durable, err = e.Checkpoint(e.ctx, dir)
	// What follows takes long, and is no reason to keep the replica open.
	e.leave()
	if err != nil {
		return rpc.Checkpoint{}, err
	}
	c.Files, err = listFiles(ctx, dir)
	return c, err
}

// listFiles describes the files below a directory.
func listFiles(ctx context.Context, dir string) ([]rpc.File, error) {
	var files []rpc.File
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		file := rpc.File{Path: filepath.ToSlash(name)}
		if file.SHA256, file.Size, err = digestFile(path); err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list checkpoint: %w", err)
	}
	return files, nil
}

func digestFile(path string) (sum [sha256.Size]byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return sum, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), size, nil
}

// ReadFile implements rpc.Transfers, at the pace of the host.
func (t *transfers) ReadFile(ctx context.Context, name, path string, offset int64, length int, dst []byte,
) (_ []byte, err error) {
	s := t.enter(name)
	if s == nil {
		return nil, fmt.Errorf("session %q: %w", name, rpc.ErrNoSession)
	}
	defer t.leave(name)
	if err := t.pace.take(ctx, length); err != nil {
		return nil, err
	}
	f, err := os.Open(joinPath(s.dir, path))
	if err != nil {
		return nil, fmt.Errorf("read file of checkpoint: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	start := len(dst)
	dst = append(dst, make([]byte, length)...)
	n, err := f.ReadAt(dst[start:], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read file of checkpoint: %w", err)
	}
	return dst[:start+n], nil
}

// CloseCheckpoint implements rpc.Transfers.
func (t *transfers) CloseCheckpoint(_ context.Context, name string) error {
	t.mu.Lock()
	s := t.sessions[name]
	delete(t.sessions, name)
	t.mu.Unlock()
	if s == nil {
		return nil
	}
	if err := vfs.RemoveTree(t.host.cfg.FS, s.dir); err != nil {
		return fmt.Errorf("remove checkpoint: %w", err)
	}
	return nil
}

// expire lets go of sessions that nobody uses any more.
func (t *transfers) expire() {
	var idle []string
	t.mu.Lock()
	for name, s := range t.sessions {
		if s.busy == 0 && t.host.cfg.Now().Sub(s.used) > sessionIdle {
			idle = append(idle, name)
		}
	}
	t.mu.Unlock()
	for _, name := range idle {
		if err := t.CloseCheckpoint(context.Background(), name); err != nil {
			t.host.cfg.Logger.Warn("let go of an abandoned checkpoint", "error", err)
		}
	}
}

// close ends all sessions; what they leave is removed at the next start.
func (t *transfers) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	clear(t.sessions)
}
