package coordinator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

// CreateIndex makes an index, which is durable and usable on return. It returns api.ErrIndexExists.
func (n *Node) CreateIndex(ctx context.Context, name string, schema api.Schema) error {
	n.change.Lock()
	defer n.change.Unlock()
	if _, ok := n.fsm.View().Index(name); ok {
		return fmt.Errorf("index %q: %w", name, api.ErrIndexExists)
	}
	uuid, err := newUUID()
	if err != nil {
		return err
	}
	payload, err := state.Encode(state.CreateIndex{
		Name: name, UUID: uuid, Schema: schema, CreatedMillis: n.cfg.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	created, err := n.propose(ctx, state.TypeCreateIndex, payload)
	if err != nil {
		return fmt.Errorf("create index %q: %w", name, err)
	}
	if err := n.openIndex(ctx, created); err != nil {
		// An index that can't be used must not keep its name.
		return errors.Join(fmt.Errorf("create index %q: %w", name, err), n.remove(ctx, created))
	}
	return nil
}

// DeleteIndex removes an index and its files. It returns api.ErrIndexNotFound.
func (n *Node) DeleteIndex(ctx context.Context, name string) error {
	n.change.Lock()
	defer n.change.Unlock()
	x, ok := n.fsm.View().Index(name)
	if !ok {
		return fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
	}
	return n.remove(ctx, x)
}

// remove takes an index out of the metadata, and then away.
func (n *Node) remove(ctx context.Context, x state.Index) error {
	payload, err := state.Encode(state.DeleteIndex{Name: x.Name, UUID: x.UUID})
	if err != nil {
		return err
	}
	if _, err := n.propose(ctx, state.TypeDeleteIndex, payload); err != nil {
		return fmt.Errorf("delete index %q: %w", x.Name, err)
	}
	if err := n.discard(ctx, x); err != nil {
		return fmt.Errorf("remove files of index %q: %w", x.Name, err)
	}
	return nil
}

// discard closes a deleted index and removes what it kept.
func (n *Node) discard(ctx context.Context, x state.Index) error {
	n.mu.Lock()
	open, ok := n.indexes[x.Name]
	delete(n.indexes, x.Name)
	n.mu.Unlock()
	var errs []error
	if ok {
		errs = append(errs, open.close())
	}
	if x.Schema.Dense != nil && n.cfg.Remote != nil {
		errs = append(errs, n.cfg.Remote.Drop(ctx, x.UUID, x.Schema))
	}
	errs = append(errs, removeTree(n.cfg.FS, n.indexDir(x.UUID)))
	return errors.Join(errs...)
}

// propose puts a command into the metadata log.
func (n *Node) propose(ctx context.Context, typ uint16, payload []byte) (state.Index, error) {
	p := consensus.Proposal{Type: typ, Version: state.Version, MinReader: state.Version, Payload: payload}
	if _, err := rand.Read(p.Key[:]); err != nil {
		return state.Index{}, fmt.Errorf("make idempotency key: %w", err)
	}
	result, _, err := n.meta.Propose(ctx, p)
	switch {
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return state.Index{}, fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err)
	case err != nil:
		return state.Index{}, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	switch r := result.(type) {
	case state.Result:
		return r.Index, translate(r.Err)
	case error:
		return state.Index{}, fmt.Errorf("%w: %w", api.ErrUnavailable, r)
	}
	return state.Index{}, fmt.Errorf("%w: command gave %T", api.ErrUnknownOutcome, result)
}

// translate gives a refusal of the metadata the meaning that callers know.
func translate(err error) error {
	switch {
	case errors.Is(err, state.ErrIndexExists):
		return fmt.Errorf("%w: %w", api.ErrIndexExists, err)
	case errors.Is(err, state.ErrIndexNotFound):
		return fmt.Errorf("%w: %w", api.ErrIndexNotFound, err)
	}
	return err
}

// newUUID gives 128 random bits in hexadecimal, which is a name of a directory and a collection too.
func newUUID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make uuid: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
