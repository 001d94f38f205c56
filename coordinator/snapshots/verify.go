package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"sagasu/internal/blob"
)

// Report is what a snapshot was found to be.
type Report struct {
	// Objects were looked at, Bytes read.
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	// Faults are what is wrong, the first maxFaults of them.
	Faults []string `json:"faults"`
}

// maxFaults bounds the faults that are named.
const maxFaults = 100

// verification collects what is found.
type verification struct {
	repository *Repository
	deep       bool
	mu         sync.Mutex
	seen       map[blob.Content]bool
	report     Report
}

// Verify looks whether every object of a snapshot is there with its size, and with deep also what it holds. What is wrong
// is in the report; errors are of the store, ErrNotFound, ErrNewerFormat.
func (r *Repository) Verify(ctx context.Context, id string, deep bool) (Report, error) {
	m, _, err := r.Manifest(ctx, id)
	if errors.Is(err, ErrFormat) {
		return Report{Objects: 1, Faults: []string{err.Error()}}, nil
	}
	if err != nil {
		return Report{}, err
	}
	v := &verification{repository: r, deep: deep, seen: map[blob.Content]bool{}, report: Report{Faults: []string{}}}
	var parts []ShardPart
	for i := range m.Indexes {
		parts = append(parts, m.Indexes[i].Shards...)
	}
	if err := each(ctx, uploads, parts, v.shard); err != nil {
		return Report{}, err
	}
	return v.report, nil
}

func (v *verification) shard(ctx context.Context, p ShardPart) error {
	l, err := v.repository.shardList(ctx, p.List)
	if err != nil {
		return v.note(err, p.List.Size)
	}
	if l.Applied != p.Applied || l.Bytes() != p.Bytes || len(l.Files) != p.Files {
		return v.note(fmt.Errorf("list of a shard is not the one that the manifest is about: %w", ErrFormat), p.List.Size)
	}
	for _, c := range l.contents() {
		if !v.first(c) {
			continue
		}
		if err := v.file(ctx, c); err != nil {
			return err
		}
	}
	return v.note(nil, p.List.Size)
}

// first reports whether an object is seen for the first time.
func (v *verification) first(c blob.Content) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen[c] {
		return false
	}
	v.seen[c] = true
	return true
}

func (v *verification) file(ctx context.Context, c blob.Content) error {
	name := blobName(c.SHA256)
	if v.deep {
		return v.note(blob.Copy(ctx, v.repository.store, name, c, io.Discard), c.Size)
	}
	info, err := v.repository.store.Stat(ctx, name)
	if err == nil && info.Size != c.Size {
		err = fmt.Errorf("object %s: %w: it has %d bytes, not %d", name, blob.ErrContent, info.Size, c.Size)
	}
	return v.note(err, 0)
}

// note takes what was found about an object; what says nothing about it is an error.
func (v *verification) note(err error, bytes int64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Objects++
	if err == nil {
		v.report.Bytes += bytes
		return nil
	}
	for _, is := range []error{blob.ErrContent, blob.ErrNotFound, ErrFormat, blob.ErrTooLarge} {
		if errors.Is(err, is) {
			if len(v.report.Faults) < maxFaults {
				v.report.Faults = append(v.report.Faults, err.Error())
			}
			return nil
		}
	}
	return err
}
