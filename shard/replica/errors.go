package replica

import (
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/internal/dense"
)

var (
	// ErrOverloaded is returned when too many writes wait already; nothing was written, retry later. It
	// is an api.ErrOverloaded.
	ErrOverloaded = fmt.Errorf("too many writes waiting: %w", api.ErrOverloaded)
	// ErrClosed is returned after Close and after the replica failed. It is an api.ErrUnavailable.
	ErrClosed = fmt.Errorf("replica closed: %w", api.ErrUnavailable)
	// ErrNotLeader is returned when another replica leads the group; nothing was written. It is an
	// api.ErrUnavailable.
	ErrNotLeader = fmt.Errorf("not the leader: %w", api.ErrUnavailable)
	// ErrRepeated is returned for a write request that was applied before, when what it did is no longer
	// known. It is an api.ErrUnknownOutcome.
	ErrRepeated = fmt.Errorf("request was applied before, its results are no longer known: %w", api.ErrUnknownOutcome)
	// ErrLagging is returned when a replica has not applied in time what a read asks for, or has not yet
	// caught up with its group since it was opened. It is an api.ErrUnavailable.
	ErrLagging = fmt.Errorf("replica lags behind: %w", api.ErrUnavailable)
	// ErrWrite is returned for a write that the state machine could not apply; it is refused before
	// it reaches the log.
	ErrWrite = errors.New("invalid write")
	// ErrCommand is returned when a log entry can't be decoded or is of an unknown type or version.
	ErrCommand = errors.New("malformed or unknown log entry")
	// ErrNoDense is returned when an index without a dense leg is asked for it.
	ErrNoDense = errors.New("index has no dense leg")
	// ErrNoGeneration is returned when a replica has no vectors of the generation it is asked for: it is not there
	// yet, or was dropped.
	ErrNoGeneration = errors.New("index has no such generation of vectors")
	// ErrTooLarge is returned for writes that follow one another and together exceed a log entry.
	ErrTooLarge = errors.New("writes that belong together are too large")
	// ErrFilterTooBroad is returned when a filter that only the sparse index understands selects too
	// many documents to be handed to the dense index by id. It is a dense.ErrFilterUnsupported.
	ErrFilterTooBroad = fmt.Errorf("filter on text selects too many documents: %w", dense.ErrFilterUnsupported)
	// ErrLedgerMoved is returned by a Ledger that is not where a batch begins.
	ErrLedgerMoved = errors.New("ledger is at another position")
	// ErrCopyDamaged is returned by Repair when the other replica's files are damaged too.
	ErrCopyDamaged = errors.New("files of the other replica are damaged too")
	// ErrRecord is returned when the record of a repair is not what was written.
	ErrRecord = errors.New("damaged record of a repair")
	// ErrEmbed is returned when the embedding service answers in a way that can't be used.
	ErrEmbed = errors.New("unusable answer of the embedding service")
)

// translate gives an error of consensus the meaning that callers know.
func translate(err error) error {
	switch {
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err)
	case errors.Is(err, consensus.ErrNotLeader):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, consensus.ErrFailed), errors.Is(err, consensus.ErrClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}
