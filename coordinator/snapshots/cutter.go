package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/blob"
	"sagasu/internal/vfs"
)

// Shards are the replicas of a node.
type Shards interface {
	// Cut makes dir, which must not exist, a copy of a shard that this node leads, with everything that was acknowledged
	// before the call; *ElsewhereError if another node leads.
	Cut(ctx context.Context, shard, dir string) (ShardCut, error)
	// CutDir gives a directory for a cut, by name.
	CutDir(name string) string
}

// ShardCut is a copy of a shard.
type ShardCut struct {
	// Applied is the log index it is of.
	Applied   uint64
	Documents int
	// Catalog is how far the catalog had been told, nil if it had not begun.
	Catalog *CatalogPosition
}

// ElsewhereError is returned by a node that does not lead a shard.
type ElsewhereError struct {
	// Leader may be empty.
	Leader string
}

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("shard is led by another node %q", e.Leader)
}

// CutterConfig configures a Cutter.
type CutterConfig struct {
	Shards Shards
	Places *Places
	FS     vfs.FS
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Logger *slog.Logger
}

// Cutter cuts the shards that a node leads and sends them to repositories, as the metadata's leader asks. It keeps
// nothing that a restart could not lose: who asked notices, and asks again.
type Cutter struct {
	cfg  CutterConfig
	pace pace
	// slots bounds the files that are sent at a time.
	slots chan struct{}

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	// mu guards sessions.
	mu       sync.Mutex
	sessions map[string]*session
}

// session is a cut and what became of it.
type session struct {
	cutCall
	dir string
	cut ShardCut

	ctx    context.Context
	cancel context.CancelFunc
	// mu guards what is below.
	mu      sync.Mutex
	used    time.Time
	begun   bool
	status  sendStatus
	counted map[string]int64
}

// NewCutter makes a cutter; Close ends it.
func NewCutter(cfg CutterConfig) *Cutter {
	c := &Cutter{
		cfg: cfg, pace: pace{now: cfg.Now, after: cfg.After}, slots: make(chan struct{}, uploads),
		sessions: map[string]*session{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.running.Go(c.expire)
	return c
}

// Close ends what is being sent. The files go when the node starts again.
func (c *Cutter) Close() {
	c.cancel()
	c.running.Wait()
}

// expire lets go of cuts that nobody asks for.
func (c *Cutter) expire() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.cfg.After(sessionIdle / 4):
		}
		var idle []string
		c.mu.Lock()
		for name, s := range c.sessions {
			s.mu.Lock()
			if c.cfg.Now().Sub(s.used) > sessionIdle {
				idle = append(idle, name)
			}
			s.mu.Unlock()
		}
		c.mu.Unlock()
		for _, name := range idle {
			c.cfg.Logger.Info("nobody asks for a cut any more", "session", name)
			if _, err := c.drop(c.ctx, sessionCall{name}); err != nil {
				c.cfg.Logger.Warn("let go of a cut", "error", err)
			}
		}
	}
}

func (c *Cutter) find(name string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[name]
	if s != nil {
		s.mu.Lock()
		s.used = c.cfg.Now()
		s.mu.Unlock()
	}
	return s
}

// begin makes a session, which counts as used until somebody asks for it.
func (c *Cutter) begin(call cutCall) (*session, error) {
	if blob.CheckName(call.Session) != nil || filepath.Base(call.Session) != call.Session {
		return nil, fmt.Errorf("%w: session %.64q", api.ErrUnavailable, call.Session)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
		return nil, fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	case len(c.sessions) >= maxSessions:
		return nil, fmt.Errorf("%d shards are being cut here: %w", maxSessions, api.ErrOverloaded)
	case c.sessions[call.Session] != nil:
		return nil, fmt.Errorf("session %s exists: %w", call.Session, api.ErrUnavailable)
	}
	s := &session{
		cutCall: call, dir: c.cfg.Shards.CutDir(call.Session), used: c.cfg.Now().Add(cutTimeout),
		counted: map[string]int64{},
	}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	c.sessions[call.Session] = s
	return s, nil
}

func (c *Cutter) cut(ctx context.Context, call cutCall) (cutAnswer, error) {
	s, err := c.begin(call)
	if err != nil {
		return cutAnswer{}, err
	}
	fail := func(err error) (cutAnswer, error) {
		_, dropped := c.drop(context.WithoutCancel(ctx), sessionCall{call.Session})
		return cutAnswer{}, errors.Join(err, dropped)
	}
	s.cut, err = c.cfg.Shards.Cut(ctx, call.Shard, s.dir)
	var elsewhere *ElsewhereError
	if errors.As(err, &elsewhere) {
		if _, err := fail(nil); err != nil {
			return cutAnswer{}, err
		}
		return cutAnswer{Elsewhere: true, Leader: elsewhere.Leader}, nil
	}
	if err != nil {
		return fail(fmt.Errorf("cut shard %s: %w", call.Shard, err))
	}
	answer := cutAnswer{Applied: s.cut.Applied, Documents: s.cut.Documents}
	files, err := listFiles(s.dir)
	if err != nil {
		return fail(err)
	}
	for _, f := range files {
		answer.Files++
		answer.Bytes += f.Size
	}
	c.find(call.Session)
	return answer, nil
}

// listFiles gives the files of a cut, ascending by path, without their digests.
func listFiles(dir string) (files []File, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(name), Digest: Digest{Size: info.Size()}}
		if err := checkPath(f.Path); err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list files of a cut: %w", err)
	}
	sortFiles(files)
	return files, nil
}

func (c *Cutter) send(_ context.Context, call sendCall) (sendStatus, error) {
	s := c.find(call.Session)
	if s == nil {
		return sendStatus{Gone: true}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		c.running.Go(func() { c.run(s, call.Repository) })
	}
	return s.status, nil
}

func (c *Cutter) status(_ context.Context, call sessionCall) (sendStatus, error) {
	s := c.find(call.Session)
	if s == nil {
		return sendStatus{Gone: true}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, nil
}

func (c *Cutter) drop(_ context.Context, call sessionCall) (sendStatus, error) {
	c.mu.Lock()
	s := c.sessions[call.Session]
	delete(c.sessions, call.Session)
	c.mu.Unlock()
	if s == nil {
		return sendStatus{Gone: true}, nil
	}
	s.cancel()
	if err := vfs.RemoveTree(c.cfg.FS, s.dir); err != nil {
		return sendStatus{}, fmt.Errorf("remove cut: %w", err)
	}
	return sendStatus{Gone: true}, nil
}

// run sends a session's files and their list.
func (c *Cutter) run(s *session, to state.Repository) {
	list, err := c.upload(s, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.status.Error, s.status.Lasting = err.Error(), lasting(err)
		if s.ctx.Err() == nil {
			c.cfg.Logger.Warn("shard could not be sent to a repository", "shard", s.Shard, "repository", to.Name, "error", err)
		}
		return
	}
	s.status.List = &list
}

func (c *Cutter) upload(s *session, to state.Repository) (list Digest, err error) {
	r, err := c.cfg.Places.Open(to)
	if err != nil {
		return Digest{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	files, err := listFiles(s.dir)
	if err != nil {
		return Digest{}, err
	}
	at := make([]int, len(files))
	for i := range at {
		at[i] = i
	}
	err = each(s.ctx, uploads, at, func(ctx context.Context, i int) error { return c.sendFile(ctx, s, r, to, &files[i]) })
	if err != nil {
		return Digest{}, fmt.Errorf("send shard %s: %w", s.Shard, err)
	}
	l := ShardList{Index: s.Index, Shard: s.Shard, Applied: s.cut.Applied, Catalog: s.cut.Catalog, Files: files}
	data, err := l.Encode()
	if err != nil {
		return Digest{}, err
	}
	if _, err := DecodeShardList(data); err != nil {
		return Digest{}, err // better now than when it is needed
	}
	want := blob.ContentOf(data)
	if _, err := r.putIfAbsent(s.ctx, shardName(want.SHA256), blob.Bytes(data), want); err != nil {
		return Digest{}, fmt.Errorf("send list of shard %s: %w", s.Shard, err)
	}
	return digest(want), nil
}

// sendFile sends one file, and sets its digest. Files are hard links to what may be read by searches, and never change.
func (c *Cutter) sendFile(ctx context.Context, s *session, r *Repository, to state.Repository, f *File) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	path := filepath.Join(s.dir, filepath.FromSlash(f.Path))
	want, err := digestFile(ctx, path)
	if err != nil {
		return err
	}
	f.Digest = digest(want)
	rate := rateOf(to.BytesPerSecond)
	body := c.pace.slowly(ctx, blob.File(path), rate, func(n int) { s.count(f.Path, int64(n), want.Size) })
	sent, err := r.putIfAbsent(ctx, blobName(want.SHA256), body, want)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	s.settle(f.Path, want.Size, sent)
	return nil
}

// count notes bytes of a file that is under way; a repetition does not count twice.
func (s *session) count(path string, n, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.counted[path]
	s.counted[path] = min(before+n, size)
	s.status.Done += s.counted[path] - before
}

func (s *session) settle(path string, size, sent int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Done += size - s.counted[path]
	s.counted[path] = size
	s.status.Sent += sent
}

func digestFile(ctx context.Context, path string) (c blob.Content, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, fmt.Errorf("read file of a cut: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return blob.Digest(reading{ctx, f})
}

// reading ends with its context.
type reading struct {
	ctx context.Context
	f   *os.File
}

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.f.Read(p)
}

// lasting reports whether what failed would again.
func lasting(err error) bool {
	var remote *remoteError
	if errors.As(err, &remote) {
		return remote.lasting
	}
	for _, is := range []error{
		ErrFormat, ErrNewerFormat, ErrNotFound, ErrForeign, ErrRepository, blob.ErrContent, blob.ErrNotFound,
		blob.ErrDenied, blob.ErrTooLarge, blob.ErrConfig, blob.ErrName, blob.ErrFull,
	} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}
