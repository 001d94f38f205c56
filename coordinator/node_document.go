package coordinator

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/shard/rpc"
)

// Write applies writes to an index, those of a shard in their order, and gives a result for each. They are
// durable and visible on return; with opts.WaitDense their vectors are too. Writes to several shards are
// not atomic: if an error comes back, some may have been applied. With opts.Only it writes nothing else than that selects.
func (n *Node) Write(ctx context.Context, index string, documents []api.Write,
	opts httpapi.WriteOptions,
) ([]api.WriteResult, error) {
	l, err := n.find(index)
	if err != nil {
		return nil, err
	}
	if opts.Only != nil {
		return n.writeWithin(ctx, l, documents, opts)
	}
	return n.writeTo(ctx, l, documents, opts)
}

// writeTo is Write where the index is found, and all documents may be written.
func (n *Node) writeTo(ctx context.Context, l *layout, documents []api.Write, opts httpapi.WriteOptions) (
	[]api.WriteResult, error,
) {
	if l.Schema.Passages != nil {
		return n.writePassages(ctx, l, documents, opts)
	}
	results := make([]api.WriteResult, len(documents))
	if err := n.writeAll(ctx, l, documents, results); err != nil {
		return nil, err
	}
	if !opts.WaitDense || l.Schema.Dense == nil {
		return results, nil
	}
	// The writes took place whatever becomes of the wait, so their results go back with its error.
	return results, n.waitDense(ctx, l, documents, results)
}

// writeAll writes to the shards of an index, those of a shard in their order.
func (n *Node) writeAll(ctx context.Context, l *layout, documents []api.Write, results []api.WriteResult) error {
	if len(l.shards) == 1 {
		return n.writeShard(ctx, l, 0, documents, nil, results)
	}
	return n.writeShards(ctx, l, documents, results)
}

// writeShards writes to several shards side by side.
func (n *Node) writeShards(ctx context.Context, l *layout, documents []api.Write, results []api.WriteResult) error {
	var group errgroup.Group
	places := l.group(documents)
	errs := make([]error, len(places))
	asked, failed := 0, 0
	for at, of := range places {
		if len(of) == 0 {
			continue
		}
		asked++
		part := make([]api.Write, len(of))
		for i, place := range of {
			part[i] = documents[place]
		}
		group.Go(func() error {
			errs[at] = n.writeShard(ctx, l, at, part, of, results)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	err := errors.Join(errs...)
	if failed > 0 && failed < asked {
		return fmt.Errorf("%w: %d of %d shards have written: %w", api.ErrUnknownOutcome, asked-failed, asked, err)
	}
	return err
}

// writeShard writes to one shard, as many at a time as one call takes, and puts the results in their places;
// nil places are all of them.
func (n *Node) writeShard(ctx context.Context, l *layout, at int, documents []api.Write, places []int,
	results []api.WriteResult,
) error {
	s := &l.shards[at]
	for done := 0; done < len(documents); {
		part := documents[done:min(done+rpc.MaxWrites, len(documents))]
		answer, err := n.writes.write(ctx, s, part)
		if err != nil {
			if done > 0 {
				err = fmt.Errorf("%w: %d of %d writes done: %w", api.ErrUnknownOutcome, done, len(documents), err)
			}
			return err
		}
		sequence := token(&l.Index, s.Ordinal, answer.Applied)
		for i, r := range answer.Results {
			r.Sequence = sequence
			place := done + i
			if places != nil {
				place = places[place]
			}
			results[place] = r
		}
		done += len(part)
	}
	return nil
}

// waitDense returns when the vectors of all documents written are there.
func (n *Node) waitDense(ctx context.Context, l *layout, documents []api.Write, results []api.WriteResult) error {
	highest := make([]uint64, len(l.shards))
	for i := range documents {
		at := l.shardOf(documents[i].Doc.ID)
		highest[at] = max(highest[at], results[i].Version)
	}
	group, ctx := errgroup.WithContext(ctx)
	for at, version := range highest {
		if version == 0 {
			continue
		}
		s := &l.shards[at]
		group.Go(func() error { return n.waitShardDense(ctx, s, version) })
	}
	return group.Wait()
}

// waitShardDense waits as long as ctx lasts; one call has less time than embedding may take.
func (n *Node) waitShardDense(ctx context.Context, s *shardLayout, version uint64) error {
	err := n.writes.atLeader(ctx, s, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		_, err := r.WaitDense(ctx, call, version)
		return err
	})
	if ctx.Err() != nil {
		return fmt.Errorf("wait for the dense leg: %w", ctx.Err())
	}
	return err
}

// Get gives a document's present version: the newest that was acknowledged to anybody. Where documents are split it
// takes the id of a document or of a passage. It returns api.ErrDocumentNotFound.
func (n *Node) Get(ctx context.Context, index, id string) (api.StoredDocument, error) {
	l, err := n.find(index)
	if err != nil {
		return api.StoredDocument{}, err
	}
	if l.Schema.Passages != nil && l.Schema.RoutingKey(id) == id {
		return n.getPassages(ctx, l, id)
	}
	found, err := n.writes.get(ctx, &l.shards[l.shardOf(id)], []string{id})
	if err != nil {
		return api.StoredDocument{}, err
	}
	if len(found) == 0 {
		return api.StoredDocument{}, fmt.Errorf("document %q: %w", id, api.ErrDocumentNotFound)
	}
	doc := api.StoredDocument{ID: id, Version: found[0].Version, Source: found[0].Source}
	if l.Schema.Passages != nil {
		doc.Source, doc.Passage = api.TakePassage(found[0].Source)
	}
	return doc, nil
}

// Count gives the exact number of documents that match q; nil matches all.
func (n *Node) Count(ctx context.Context, index string, q api.Query) (int, error) {
	l, err := n.find(index)
	if err != nil {
		return 0, err
	}
	return n.searcher.Count(ctx, l.target(n.router, nil), q)
}

// find gives the layout of an index. One that this node does not know may only be missing here: it says
// api.ErrIndexNotFound when the newest metadata don't have it either, and api.ErrUnavailable if it can't find out or
// is closing.
func (n *Node) find(index string) (*layout, error) {
	if n.closed.Load() {
		return nil, fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	}
	l, err := n.layouts.find(index)
	if n.net == nil || !errors.Is(err, api.ErrIndexNotFound) {
		return l, err
	}
	if err := n.sync(n.ctx); err != nil {
		return nil, fmt.Errorf("this node knows no index %q, and can't ask for newer metadata: %w: %w", index,
			api.ErrUnavailable, err)
	}
	return n.layouts.find(index)
}
