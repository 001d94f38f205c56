package catalog

import "time"

// State says where a document stands in its life.
type State uint8

// The states of a document, in the order in which they are reached.
const (
	// StateReceived is a document that was taken, and is not found yet.
	StateReceived State = 1
	// StateIndexed is a document that is found by its words.
	StateIndexed State = 2
	// StateEmbedded is a document that is found by its vector too.
	StateEmbedded State = 3
	// StateFailed is a document that can't be embedded; Document.Error says why.
	StateFailed State = 4
	// StateDeleted is a document that is gone.
	StateDeleted State = 5
)

var stateNames = [...]string{
	StateReceived: "received", StateIndexed: "indexed", StateEmbedded: "embedded", StateFailed: "failed",
	StateDeleted: "deleted",
}

// String gives the state's name, "unknown" for none of the states.
func (s State) String() string {
	if !s.Valid() {
		return "unknown"
	}
	return stateNames[s]
}

// Valid reports whether it is one of the states.
func (s State) Valid() bool { return s >= StateReceived && s <= StateDeleted }

// ParseState is the inverse of String; false for a name of no state.
func ParseState(name string) (State, bool) {
	for s := StateReceived; s <= StateDeleted; s++ {
		if stateNames[s] == name {
			return s, true
		}
	}
	return 0, false
}

// Document is what the catalog knows of a document. Times that are not known are zero.
type Document struct {
	// Index is the index's UUID, IndexName its name when the catalog last heard of it.
	Index, IndexName string
	ID               string
	// Parent is the document that a passage is a part of; "" for a document.
	Parent string
	// Shard is the shard that told last.
	Shard string
	// Version is that of the document, or of its delete.
	Version uint64
	State   State
	// Source says where the document came from, such as a path or a job; "" if nobody said.
	Source string
	// Checksum is one of the content; its meaning is that of who writes it.
	Checksum string
	// Bytes is the size of the content.
	Bytes int64
	// Error says why, of StateFailed.
	Error string
	// Truncated says that only the beginning of the text was embedded.
	Truncated bool
	// ReceivedAt, IndexedAt and EmbeddedAt are of this version; UpdatedAt is when the state changed last.
	ReceivedAt, IndexedAt, EmbeddedAt, UpdatedAt time.Time
}

// Entry is a change of a document's state. Of two entries of one document that with the higher version is the newer
// one, then that with the higher Sequence, then that with the later state.
type Entry struct {
	ID      string
	Parent  string
	Version uint64
	State   State
	// Sequence is the index in the shard's log up to which the entry is true.
	Sequence uint64
	// At is when it happened; zero if nobody knows.
	At time.Time
	// Source, Checksum and Bytes stay as they are where an entry of the same version, or a delete, leaves them out.
	Source   string
	Checksum string
	Bytes    int64
	// Error is cut to MaxErrorBytes.
	Error     string
	Truncated bool
}

// Position says how far a catalog is with a shard. But for Sweep it is the shard's reckoning, kept as it is; the zero
// position is that of one that was told nothing.
type Position struct {
	// Version is the version up to which every document is recorded, Settled that up to which they are with their
	// final state, Generation is of which vectors.
	Version, Settled uint64
	Generation       int
	// Deletes is the log index up to which deletes are recorded.
	Deletes uint64
	// Sweep numbers the comparisons of everything; a batch with another number than the last begins one.
	Sweep uint64
}

// Batch is recorded as a whole, together with its position, or not at all.
type Batch struct {
	// Shard is the shard's id, Index its index's UUID and IndexName the name.
	Shard, Index, IndexName string
	// Entries are at most MaxBatch; later ones of a document count after earlier ones.
	Entries []Entry
	// From is the position that Progress gave, or that of the batch before; zero if Progress gave none.
	From Position
	// Position is where the catalog is after the batch.
	Position Position
	// Swept says that every live document of the shard was recorded since Sweep has its number: what else the catalog
	// has of the shard is removed, but for what is known as deleted.
	Swept bool
}

// ShardProgress is how far the catalog is with one shard.
type ShardProgress struct {
	Shard    string
	Position Position
	// Rebuilding says that the shard was rewound, or a comparison has begun and not ended.
	Rebuilding bool
	UpdatedAt  time.Time
}

// Key is what verifying looks at.
type Key struct {
	ID      string
	Version uint64
	State   State
}
