package snapshots

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"sagasu/coordinator/state"
	"sagasu/internal/blob"
)

// Credentials are what a node has for S3 stores, by the name that repositories call them.
type Credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Session   string `json:"session,omitempty"`
}

// LogValue keeps the secret out of logs.
func (Credentials) LogValue() slog.Value { return slog.StringValue("credentials") }

// String does so for other texts.
func (Credentials) String() string { return "credentials" }

// Places opens repositories, as a node may.
type Places struct {
	// Dirs are directories that repositories may be in, or below; without any none may.
	Dirs []string
	// Credentials are by name.
	Credentials map[string]Credentials
	// Guard says how stores are guarded.
	Guard blob.GuardConfig
	// Wrap changes the store of a repository, for tests; nil does not.
	Wrap func(blob.Store) blob.Store
}

// Repository is a repository that is open.
type Repository struct {
	Name  string
	store blob.Store
	inner io.Closer
}

// Open opens a repository: ErrRepository, with what is wrong, if this node can't. An S3 server is not asked yet.
func (p *Places) Open(r state.Repository) (*Repository, error) {
	store, inner, err := p.open(r)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w: %w", r.Name, ErrRepository, err)
	}
	if p.Wrap != nil {
		store = p.Wrap(store)
	}
	return &Repository{Name: r.Name, store: blob.Guard(store, p.Guard), inner: inner}, nil
}

func (p *Places) open(r state.Repository) (blob.Store, io.Closer, error) {
	if r.Kind == state.RepositoryDir {
		if !p.allows(r.Path) {
			return nil, nil, fmt.Errorf("path %q is not in or below a directory that this node allows (snapshot-dirs: %s)",
				r.Path, strings.Join(p.Dirs, ", "))
		}
		d, err := blob.OpenDir(r.Path)
		if err != nil {
			return nil, nil, err
		}
		return d, d, nil
	}
	c, ok := p.Credentials[r.Credentials]
	if !ok {
		return nil, nil, fmt.Errorf("this node has no credentials %q", r.Credentials)
	}
	cfg := blob.DefaultS3()
	cfg.Endpoint, cfg.Bucket, cfg.Prefix, cfg.Region = r.Endpoint, r.Bucket, r.Prefix, r.Region
	cfg.VirtualHost, cfg.AccessKey, cfg.SecretKey, cfg.Session = r.VirtualHost, c.AccessKey, c.SecretKey, c.Session
	s, err := blob.OpenS3(cfg)
	if err != nil {
		return nil, nil, err
	}
	return s, s, nil
}

// allows reports whether a directory may be a repository: who may make repositories may not read and write the machine.
func (p *Places) allows(path string) bool {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path // opening it will tell
	}
	for _, dir := range p.Dirs {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			dir = resolved
		}
		if in, err := filepath.Rel(dir, real); err == nil && filepath.IsLocal(in) {
			return true
		}
	}
	return false
}

// Close lets go of the repository.
func (r *Repository) Close() error { return r.inner.Close() }

// mark says which cluster writes to a repository.
type mark struct {
	Cluster       string `json:"cluster"`
	CreatedMillis int64  `json:"created_millis"`
}

// Owner gives the cluster that writes to the repository; empty if none does yet.
func (r *Repository) Owner(ctx context.Context) (string, error) {
	data, err := blob.ReadAll(ctx, r.store, markName, maxMarkBytes)
	if errors.Is(err, blob.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read mark of repository %s: %w", r.Name, err)
	}
	var m mark
	if err := decodeFrame(magicMark, data, &m); err != nil {
		return "", fmt.Errorf("read mark of repository %s: %w", r.Name, err)
	}
	return m.Cluster, nil
}

// Claim makes a cluster the one that writes to the repository. ErrForeign if another one is, unless it is taken over.
func (r *Repository) Claim(ctx context.Context, cluster string, millis int64, takeOver bool) error {
	owner, err := r.Owner(ctx)
	switch {
	case err != nil:
		return err
	case owner == cluster:
		return nil
	case owner != "" && !takeOver:
		return fmt.Errorf("repository %s: %w: %s", r.Name, ErrForeign, owner)
	case owner != "":
		if err := r.store.Delete(ctx, markName); err != nil {
			return fmt.Errorf("take over repository %s: %w", r.Name, err)
		}
	}
	data, err := encodeFrame(magicMark, mark{Cluster: cluster, CreatedMillis: millis})
	if err != nil {
		return err
	}
	err = r.store.Put(ctx, markName, blob.Bytes(data), blob.ContentOf(data))
	if errors.Is(err, blob.ErrExists) {
		if owner, err = r.Owner(ctx); err == nil && owner != cluster {
			err = fmt.Errorf("%w: %s was faster", ErrForeign, owner)
		}
	}
	if err != nil {
		return fmt.Errorf("mark repository %s: %w", r.Name, err)
	}
	return nil
}

// Manifest gives the manifest of a snapshot and its digest in hexadecimal digits. ErrNotFound, ErrFormat,
// ErrNewerFormat.
func (r *Repository) Manifest(ctx context.Context, id string) (*Manifest, string, error) {
	if err := CheckID(id); err != nil {
		return nil, "", err
	}
	data, err := blob.ReadAll(ctx, r.store, manifestName(id), maxManifestBytes)
	if errors.Is(err, blob.ErrNotFound) {
		err = fmt.Errorf("snapshot %s in repository %s: %w", id, r.Name, ErrNotFound)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read manifest: %w", err)
	}
	m, err := DecodeManifest(id, data)
	if err != nil {
		return nil, "", err
	}
	sum := blob.ContentOf(data).SHA256
	return m, hex.EncodeToString(sum[:]), nil
}

// putManifest completes a snapshot, and gives the digest of its manifest. blob.ErrExists if it is complete already.
func (r *Repository) putManifest(ctx context.Context, m *Manifest) (string, error) {
	data, err := m.Encode()
	if err != nil {
		return "", err
	}
	if len(data) > maxManifestBytes {
		return "", fmt.Errorf("manifest of %d bytes, at most %d are allowed: %w", len(data), maxManifestBytes, ErrFormat)
	}
	c := blob.ContentOf(data)
	if err := r.store.Put(ctx, manifestName(m.ID), blob.Bytes(data), c); err != nil {
		return "", fmt.Errorf("write manifest: %w", err)
	}
	return hex.EncodeToString(c.SHA256[:]), nil
}

// List gives the ids of all snapshots, in no order.
func (r *Repository) List(ctx context.Context) (ids []string, err error) {
	err = r.store.List(ctx, manifestPrefix, func(info blob.Info) error {
		id := strings.TrimPrefix(info.Name, manifestPrefix)
		if CheckID(id) != nil {
			return nil
		}
		if len(ids) >= maxListed {
			return fmt.Errorf("repository %s has more than %d snapshots: %w", r.Name, maxListed, ErrRepository)
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return ids, nil
}

// shardList gives the files of a shard. blob.ErrContent if the object is not what the manifest says, blob.ErrNotFound.
func (r *Repository) shardList(ctx context.Context, d Digest) (*ShardList, error) {
	want, ok := d.content(maxShardBytes)
	if !ok {
		return nil, fmt.Errorf("list of a shard: %w", ErrFormat)
	}
	var data strings.Builder
	if err := blob.Copy(ctx, r.store, shardName(want.SHA256), want, &data); err != nil {
		return nil, fmt.Errorf("read list of a shard: %w", err)
	}
	return DecodeShardList([]byte(data.String()))
}

// putIfAbsent stores an object unless it is there, and tells how many bytes were sent for it.
func (r *Repository) putIfAbsent(ctx context.Context, name string, body blob.Body, want blob.Content) (int64, error) {
	info, err := r.store.Stat(ctx, name)
	switch {
	case err == nil && info.Size == want.Size:
		return 0, nil
	case err == nil:
		// Somebody has changed it: an object is stored whole or not at all.
		return 0, fmt.Errorf("object %s is there with %d bytes instead of %d: %w", name, info.Size, want.Size,
			blob.ErrContent)
	case !errors.Is(err, blob.ErrNotFound):
		return 0, err
	}
	err = r.store.Put(ctx, name, body, want)
	if errors.Is(err, blob.ErrExists) {
		return 0, nil
	}
	return want.Size, err
}

// each calls fn for the items in parallel, n at a time, and gives the first error, which ends the others.
func each[T any](ctx context.Context, n int, items []T, fn func(ctx context.Context, item T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, n)
	for _, item := range items {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return context.Cause(ctx)
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := fn(ctx, item); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
