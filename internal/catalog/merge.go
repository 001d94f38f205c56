package catalog

import "time"

// Row is a document with what says which of two is newer. It is how Merge, the definition of Ledger.Record, sees it.
type Row struct {
	Document
	Sequence uint64
	// Round grows with every comparison of everything, and every rewinding, of the shard.
	Round int64
}

// NewRow is what an entry alone tells; now stands in for a time that is not known.
func NewRow(shard string, round int64, e Entry, now time.Time) Row {
	row := Row{Sequence: e.Sequence, Round: round, Document: Document{
		Shard: shard, ID: e.ID, Parent: e.Parent, Version: e.Version, State: e.State, Source: e.Source,
		Checksum: e.Checksum, Bytes: e.Bytes, Error: e.Error, Truncated: e.Truncated,
		ReceivedAt: e.At, UpdatedAt: e.At,
	}}
	if e.At.IsZero() {
		row.UpdatedAt = utc(now)
	}
	switch e.State {
	case StateEmbedded:
		row.IndexedAt, row.EmbeddedAt = e.At, e.At
	case StateIndexed, StateFailed:
		row.IndexedAt = e.At
	}
	return row
}

// Merge gives what is kept when the row of an entry, e, meets the one that is there. It is the definition that the
// implementations' statements are held to.
func Merge(old, e Row) Row {
	if old.Shard != e.Shard {
		// The shard was split; the logs' indexes are of different logs.
		if e.Version < old.Version {
			return old
		}
	} else if old.Round >= e.Round && compare(e, old) <= 0 {
		return old
	}
	same := e.Version == old.Version
	if same {
		e.ReceivedAt, e.IndexedAt = known(old.ReceivedAt, e.ReceivedAt), known(old.IndexedAt, e.IndexedAt)
		if e.State == StateEmbedded {
			e.EmbeddedAt = known(e.EmbeddedAt, old.EmbeddedAt)
		}
		if e.State == old.State {
			e.UpdatedAt = old.UpdatedAt
		}
	}
	if same || e.State == StateDeleted {
		if e.Parent == "" {
			e.Parent = old.Parent
		}
		if e.Source == "" {
			e.Source = old.Source
		}
		if e.Checksum == "" {
			e.Checksum = old.Checksum
		}
		if e.Bytes == 0 {
			e.Bytes = old.Bytes
		}
	}
	return e
}

// compare tells whether a is the newer one (1), the older one (-1), or neither.
func compare(a, b Row) int {
	switch {
	case a.Version != b.Version:
		return sign(a.Version > b.Version)
	case a.Sequence != b.Sequence:
		return sign(a.Sequence > b.Sequence)
	case a.State != b.State:
		return sign(a.State > b.State)
	}
	return 0
}

func sign(greater bool) int {
	if greater {
		return 1
	}
	return -1
}

// known gives the first time that is not zero.
func known(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
