package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sagasu/coordinator/state"
	"sagasu/internal/blob"
)

// FillerConfig configures a Filler.
type FillerConfig struct {
	Places *Places
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Logger *slog.Logger
}

// Filler fetches the files of shards that are restored to its node.
type Filler struct {
	cfg  FillerConfig
	pace pace

	// mu guards shards, by index UUID and shard.
	mu     sync.Mutex
	shards map[string]map[string]*filling
}

// filling is how far a shard is.
type filling struct {
	done, total int64
	err         error
}

// NewFiller makes a filler.
func NewFiller(cfg FillerConfig) *Filler {
	return &Filler{
		cfg: cfg, pace: pace{now: cfg.Now, after: cfg.After}, shards: map[string]map[string]*filling{},
	}
}

// Wanted is a shard to be filled.
type Wanted struct {
	// Index is the UUID of the new index, Shard the id of its shard, which has the slots From to To, exclusive.
	Index, Shard string
	From, To     int
	Restore      state.Restore
}

// Fill brings the files of a shard into a directory, made if missing, and gives the log index that they are of; 0, and
// no files, for a shard that was never written to. What is there already is kept where it is what it should be, so a
// call that was broken off is resumed. It writes nowhere else.
func (f *Filler) Fill(ctx context.Context, repository state.Repository, want Wanted, into string) (uint64, error) {
	f.set(want, func(p *filling) { *p = filling{total: p.total} })
	index, err := f.fill(ctx, repository, want, into)
	if err != nil && ctx.Err() == nil {
		f.set(want, func(p *filling) { p.err = err })
	}
	return index, err
}

// Forget ends what is remembered of indexes but those that are being restored.
func (f *Filler) Forget(restoring map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for index := range f.shards {
		if !restoring[index] {
			delete(f.shards, index)
		}
	}
}

func (f *Filler) set(want Wanted, change func(*filling)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shards := f.shards[want.Index]
	if shards == nil {
		shards = map[string]*filling{}
		f.shards[want.Index] = shards
	}
	if shards[want.Shard] == nil {
		shards[want.Shard] = &filling{}
	}
	change(shards[want.Shard])
}

func (f *Filler) filling(_ context.Context, call fillingCall) (a fillingAnswer, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.shards[call.Index] {
		a.Done += p.done
		a.Total += p.total
		if p.err != nil && !a.Lasting {
			a.Error, a.Lasting = p.err.Error(), lasting(p.err)
		}
	}
	return a, nil
}

func (f *Filler) fill(ctx context.Context, repository state.Repository, want Wanted, into string) (_ uint64, err error) {
	r, err := f.cfg.Places.Open(repository)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	list, err := f.find(ctx, r, want)
	if err != nil {
		return 0, err
	}
	f.set(want, func(p *filling) { p.done, p.total = 0, list.Bytes() })
	if list.Applied == 0 {
		return 0, nil
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return 0, fmt.Errorf("make directory of a restored shard: %w", err)
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return 0, fmt.Errorf("open directory of a restored shard: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t := &target{filler: f, root: root, repository: r, want: want, rate: rateOf(repository.BytesPerSecond)}
	if err := t.fill(ctx, list, into); err != nil {
		return 0, fmt.Errorf("restore shard %s: %w", want.Shard, err)
	}
	return list.Applied, nil
}

// find gives the files of a shard.
func (f *Filler) find(ctx context.Context, r *Repository, want Wanted) (*ShardList, error) {
	m, sum, err := r.Manifest(ctx, want.Restore.Snapshot)
	if err != nil {
		return nil, err
	}
	if sum != want.Restore.Manifest {
		return nil, fmt.Errorf("manifest of snapshot %s: %w: it is another one than when the restore began", m.ID, ErrFormat)
	}
	x := m.Index(want.Restore.Source)
	if x == nil {
		return nil, fmt.Errorf("index %s in snapshot %s: %w", want.Restore.Source, m.ID, ErrNotFound)
	}
	at := slices.IndexFunc(x.Shards, func(s ShardPart) bool { return s.From == want.From && s.To == want.To })
	if at < 0 {
		return nil, fmt.Errorf("shard with slots %d to %d of index %s in snapshot %s: %w", want.From, want.To,
			want.Restore.Source, m.ID, ErrNotFound)
	}
	list, err := r.shardList(ctx, x.Shards[at].List)
	if err != nil {
		return nil, err
	}
	if list.Applied != x.Shards[at].Applied || list.Bytes() != x.Shards[at].Bytes || len(list.Files) == 0 {
		return nil, fmt.Errorf("list of a shard: %w: it is not the one that the manifest is about", ErrFormat)
	}
	return list, nil
}

// target is a directory that is being filled.
type target struct {
	filler     *Filler
	root       *os.Root
	repository *Repository
	want       Wanted
	rate       int64
}

// incoming begins the name of a file that is not complete.
const incoming = ".incoming-"

func (t *target) fill(ctx context.Context, list *ShardList, into string) error {
	if err := t.clear(list); err != nil {
		return err
	}
	missing, err := t.missing(ctx, list)
	if err != nil {
		return err
	}
	needed := int64(0)
	for _, f := range missing {
		needed += f.Size
	}
	if err := room(into, needed); err != nil {
		return err
	}
	dirs := map[string]bool{}
	for _, f := range list.Files {
		dirs[path.Dir(f.Path)] = true
	}
	for dir := range dirs {
		if err := t.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	if err := each(ctx, uploads, missing, t.fetch); err != nil {
		return err
	}
	for dir := range dirs {
		if err := t.sync(dir); err != nil {
			return err
		}
	}
	return t.sync(".")
}

// room returns blob.ErrFull unless the file system has room for that many bytes more, and some.
func room(dir string, needed int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	free := int64(s.Bavail) * s.Bsize
	if spare := int64(s.Blocks) * s.Bsize / 20; free-spare < needed {
		return fmt.Errorf("%w: the shard needs %d bytes more, the disk has %d free, a twentieth of it is kept", blob.ErrFull,
			needed, free)
	}
	return nil
}

// clear removes what does not belong there.
func (t *target) clear(list *ShardList) error {
	known := map[string]bool{}
	for _, f := range list.Files {
		known[f.Path], known[path.Dir(f.Path)] = true, true
	}
	var stray []string
	err := fs.WalkDir(t.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == "." || known[name] && entry.IsDir():
			return err
		case !known[name] || !entry.Type().IsRegular():
			stray = append(stray, name)
			if entry.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
	for _, name := range stray {
		err = errors.Join(err, t.root.RemoveAll(name))
	}
	if err != nil {
		return fmt.Errorf("remove what is left of an earlier try: %w", err)
	}
	return nil
}

// missing gives the files that are not there as they should be, and removes those that are otherwise.
func (t *target) missing(ctx context.Context, list *ShardList) (out []File, err error) {
	for _, f := range list.Files {
		there, err := t.there(ctx, f)
		if err != nil {
			return nil, err
		}
		if !there {
			out = append(out, f)
			continue
		}
		t.count(f.Size)
	}
	return out, nil
}

func (t *target) there(ctx context.Context, f File) (_ bool, err error) {
	have, err := t.root.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", f.Path, err)
	}
	c, err := blob.Digest(reading{ctx, have})
	if err = errors.Join(err, have.Close()); err != nil {
		return false, fmt.Errorf("look at %s: %w", f.Path, err)
	}
	if want, ok := f.content(maxFileBytes); ok && c == want {
		return true, nil
	}
	return false, t.root.Remove(f.Path)
}

func (t *target) count(n int64) {
	t.filler.set(t.want, func(p *filling) { p.done = min(p.done+n, p.total) })
}

// fetch brings one file; it is there whole or not at all.
func (t *target) fetch(ctx context.Context, f File) error {
	want, ok := f.content(maxFileBytes)
	if !ok {
		return fmt.Errorf("%s: %w", f.Path, ErrFormat)
	}
	temp := path.Dir(f.Path) + "/" + incoming + path.Base(f.Path)
	to, err := t.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("create %s: %w", f.Path, err)
	}
	counted := int64(0)
	var out io.Writer = slowWriter{to, ctx, &t.filler.pace, t.rate, func(n int) { counted += int64(n); t.count(int64(n)) }}
	err = blob.Copy(ctx, t.repository.store, blobName(want.SHA256), want, out)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		t.count(-counted)
		return errors.Join(fmt.Errorf("fetch %s: %w", f.Path, err), t.root.Remove(temp))
	}
	if err := t.root.Rename(temp, f.Path); err != nil {
		return fmt.Errorf("name %s: %w", f.Path, err)
	}
	return nil
}

func (t *target) sync(dir string) error {
	f, err := t.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
