package coordinator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/shard/replica"
)

// catalogLedger tells the catalog what becomes of the documents of this node's shards.
type catalogLedger struct{ keeper *catalogKeeper }

// Progress gives how far the catalog is with a shard.
func (l catalogLedger) Progress(ctx context.Context, shard replica.LedgerShard) (replica.LedgerPosition, bool, error) {
	c, err := l.keeper.get()
	if err != nil {
		return replica.LedgerPosition{}, false, err
	}
	at, there, err := c.Progress(ctx, shard.Shard)
	return replica.LedgerPosition(at), there, err
}

// Record records a batch in the catalog.
func (l catalogLedger) Record(ctx context.Context, shard replica.LedgerShard, batch replica.LedgerBatch) error {
	c, err := l.keeper.get()
	if err != nil {
		return err
	}
	out := catalog.Batch{
		Shard: shard.Shard, Index: shard.IndexID, IndexName: shard.Index, From: catalog.Position(batch.From),
		Position: catalog.Position(batch.Position), Swept: batch.Swept, Entries: make([]catalog.Entry, len(batch.Entries)),
	}
	for i := range batch.Entries {
		out.Entries[i] = ledgerEntry(&batch.Entries[i])
	}
	err = c.Record(ctx, out)
	if errors.Is(err, catalog.ErrStale) {
		return fmt.Errorf("%w: %w", replica.ErrLedgerMoved, err)
	}
	return err
}

// ledgerEntry is what the catalog keeps of an entry.
func ledgerEntry(e *replica.LedgerEntry) catalog.Entry {
	out := catalog.Entry{
		ID: e.ID, Version: e.Version, Sequence: e.Index, At: e.At, Error: plain(e.Reason), Truncated: e.Truncated,
		State: ledgerState(e.State),
	}
	if e.Source == nil {
		return out
	}
	source, raw := api.TakePassage(e.Source)
	if len(raw) > 0 {
		if p, err := api.ReadPassage(raw); err == nil {
			out.Parent = p.Parent
		}
	}
	sum := sha256.Sum256(source)
	out.Checksum, out.Bytes = hex.EncodeToString(sum[:16]), int64(len(source))
	out.Source = sourceOf(source)
	return out
}

func ledgerState(s replica.LedgerState) catalog.State {
	switch s {
	case replica.LedgerEmbedded:
		return catalog.StateEmbedded
	case replica.LedgerFailed:
		return catalog.StateFailed
	case replica.LedgerDeleted:
		return catalog.StateDeleted
	}
	return catalog.StateIndexed
}

// sourceOf gives where a document came from, as its own field "source" says; "" if it does not.
func sourceOf(document []byte) string {
	if !bytes.Contains(document, []byte(`"source":"`)) {
		return ""
	}
	var d struct {
		Source json.RawMessage `json:"source"`
	}
	var text string
	// What is stored was parsed before; of another type it is no source.
	if json.Unmarshal(document, &d) != nil || json.Unmarshal(d.Source, &text) != nil {
		return ""
	}
	text = plain(text)
	if len(text) > catalog.MaxNameBytes {
		return ""
	}
	return text
}
