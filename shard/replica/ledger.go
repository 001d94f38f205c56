package replica

import (
	"context"
	"time"
)

// The states of a document in a ledger.
const (
	// LedgerIndexed is a document that can be found by its words, and waits for its vector if it is to have one.
	LedgerIndexed LedgerState = 1
	// LedgerEmbedded is a document whose vector is there too.
	LedgerEmbedded LedgerState = 2
	// LedgerFailed is a document that can't be embedded.
	LedgerFailed LedgerState = 3
	// LedgerDeleted is a document that is gone.
	LedgerDeleted LedgerState = 4
)

// LedgerState says what became of a document.
type LedgerState uint8

// LedgerEntry is what became of one document.
type LedgerEntry struct {
	ID string
	// Version is that of the document, or of its delete. Of two entries of one document that with the higher
	// version tells the truth, of two with the same version the later one.
	Version uint64
	State   LedgerState
	// Reason says why, of LedgerFailed.
	Reason string
	// Truncated says that only the beginning of the text was embedded, of LedgerEmbedded.
	Truncated bool
	// Index is the log index up to which the entry tells the truth.
	Index uint64
	// At is about when the leader applied the document, zero where it does not know any more.
	At time.Time
	// Source is the stored document, for what a ledger wants to know of it; nil for a delete. It must not be kept
	// behind Record.
	Source []byte
}

// LedgerShard names a shard to a ledger.
type LedgerShard struct {
	// Index is the index's name, IndexID its UUID, Shard the shard's id.
	Index, IndexID, Shard string
}

// LedgerPosition says how far a ledger is, by the replica's own reckoning; a ledger keeps it as it is.
type LedgerPosition struct {
	// Version is the version up to which every document is recorded, Settled that up to which they are with their
	// final state, Generation is of which vectors.
	Version, Settled uint64
	Generation       int
	// Deletes is the log index up to which deletes are recorded.
	Deletes uint64
	// Sweep numbers the times that everything was told from the beginning; see LedgerBatch.Swept.
	Sweep uint64
}

// LedgerBatch is recorded as a whole, together with its position, or not at all.
type LedgerBatch struct {
	Entries []LedgerEntry
	// From is where the ledger must be, by Progress or the batch before; zero for one that has nothing of the shard.
	From LedgerPosition
	// Position is where the ledger is after it.
	Position LedgerPosition
	// Swept says that every live document of the shard was recorded since Sweep has the position's number: what else
	// the ledger has of the shard is not there any more.
	Swept bool
}

// Ledger is told what becomes of the documents of shards, of each by the leader of its group alone; a former leader
// may still be at work for a moment. It keeps for each document the entry of the highest version, so that what
// is recorded twice does no harm. Record returns when the batch is durable.
type Ledger interface {
	// Progress gives the position of the last batch; false if the ledger has nothing of the shard, as when it was
	// lost, and must be told everything.
	Progress(ctx context.Context, shard LedgerShard) (LedgerPosition, bool, error)
	// Record records a batch. If the ledger is not at its From, as when it was lost meanwhile, or another worker was
	// faster, it records nothing and returns ErrLedgerMoved.
	Record(ctx context.Context, shard LedgerShard, batch LedgerBatch) error
}
