package coordinator

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/auth"
	"sagasu/shard/rpc"
)

// withinTries is how often a write of somebody who may not touch every document is tried while others write the same
// document.
const withinTries = 16

// withinWrite writes for somebody who may touch some documents only. A document is read, and written on the condition
// that it is still as it was read: so nobody's else is replaced, whatever happens in between.
type withinWrite struct {
	node *Node
	l    *layout
	opts httpapi.WriteOptions
	// documents are the writes, results their results, waited the error of a wait for the dense leg.
	documents []api.Write
	results   []api.WriteResult
	waited    error
}

// writeWithin is Write with opts.Only.
func (n *Node) writeWithin(ctx context.Context, l *layout, documents []api.Write, opts httpapi.WriteOptions) (
	[]api.WriteResult, error,
) {
	w := &withinWrite{node: n, l: l, opts: opts, documents: documents, results: make([]api.WriteResult, len(documents))}
	var left []int
	for i := range documents {
		if documents[i].Kind != api.OpDelete && !auth.Matches(opts.Only, &documents[i].Doc) {
			w.forbid(i)
			continue
		}
		left = append(left, i)
	}
	for len(left) > 0 {
		var now []int
		now, left = w.next(left)
		if err := w.write(ctx, now); err != nil {
			return nil, err
		}
	}
	return w.results, w.waited
}

// next takes the first write of each document, so that those of one document are carried out in their order.
func (w *withinWrite) next(places []int) (now, left []int) {
	seen := map[string]bool{}
	for _, i := range places {
		if id := w.documents[i].Doc.ID; !seen[id] {
			seen[id] = true
			now = append(now, i)
			continue
		}
		left = append(left, i)
	}
	return now, left
}

func (w *withinWrite) forbid(i int) {
	w.results[i] = api.WriteResult{
		ID: w.documents[i].Doc.ID, Status: api.StatusError,
		Error: api.NewProblem(api.ProblemForbidden, 403, "", "your credential does not allow to write this document"),
	}
}

// write carries out writes of different documents. Those that another write came before are tried again.
func (w *withinWrite) write(ctx context.Context, places []int) error {
	for try := 0; len(places) > 0; try++ {
		present, err := w.read(ctx, places)
		if err != nil {
			return err
		}
		var batch []api.Write
		var asked []int
		for at, i := range places {
			if conditional, ok := w.condition(i, &present[at]); ok {
				batch, asked = append(batch, conditional), append(asked, i)
			}
		}
		if len(batch) == 0 {
			return nil
		}
		results, err := w.node.writeTo(ctx, w.l, batch, w.opts)
		if err != nil && len(results) == 0 {
			return err
		}
		w.waited = errors.Join(w.waited, err)
		places = nil
		for at, i := range asked {
			w.results[i] = results[at]
			if results[at].Status == api.StatusConflict {
				// The version may be of a document that is not to be told of; the next look decides.
				w.results[i] = w.busy(i)
				places = append(places, i)
			}
		}
		if try == withinTries {
			return nil
		}
	}
	return nil
}

func (w *withinWrite) busy(i int) api.WriteResult {
	return api.WriteResult{
		ID: w.documents[i].Doc.ID, Status: api.StatusError,
		Error: api.NewProblem(api.ProblemUnavailable, 503, "", "others are writing this document; try again"),
	}
}

// found is a document as it is there.
type found struct {
	// version is 0 for one that is not there.
	version uint64
	// own is true if the caller may touch it.
	own bool
}

// condition makes a write depend on what is there; false if its result is clear already.
func (w *withinWrite) condition(i int, present *found) (api.Write, bool) {
	write := w.documents[i]
	result := api.WriteResult{ID: write.Doc.ID}
	switch {
	case present.version > 0 && !present.own:
		w.forbid(i)
		return write, false
	case write.IfVersion != nil && *write.IfVersion != present.version,
		write.Kind == api.OpCreate && present.version > 0:
		result.Status, result.Version = api.StatusConflict, present.version
	case write.Kind == api.OpDelete && present.version == 0:
		result.Status = api.StatusNotFound
	default:
		version := present.version
		write.IfVersion = &version
		return write, true
	}
	w.results[i] = result
	return write, false
}

// read gives the documents of some writes as their leaders have them.
func (w *withinWrite) read(ctx context.Context, places []int) ([]found, error) {
	out := make([]found, len(places))
	ids := make([][]string, len(w.l.shards))
	for _, i := range places {
		id := w.documents[i].Doc.ID
		ids[w.l.shardOf(id)] = append(ids[w.l.shardOf(id)], w.stored(id))
	}
	parts := make([]map[string]found, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	for shard := range ids {
		group.Go(func() error {
			var err error
			parts[shard], err = w.readShard(ctx, &w.l.shards[shard], ids[shard])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for at, i := range places {
		id := w.documents[i].Doc.ID
		out[at] = parts[w.l.shardOf(id)][w.stored(id)]
	}
	return out, nil
}

// stored gives the id that a document's version goes by: that of its first passage where documents are split.
func (w *withinWrite) stored(id string) string {
	if w.l.Schema.Passages != nil {
		return api.PassageID(id, 0)
	}
	return id
}

func (w *withinWrite) readShard(ctx context.Context, s *shardLayout, ids []string) (map[string]found, error) {
	out := map[string]found{}
	for len(ids) > 0 {
		part := ids[:min(len(ids), rpc.MaxIDs)]
		ids = ids[len(part):]
		present, err := w.node.writes.get(ctx, s, part)
		if err != nil {
			return nil, err
		}
		for i := range present {
			source := api.RawJSON(present[i].Source)
			if w.l.Schema.Passages != nil {
				source, _ = api.TakePassage(source)
			}
			out[present[i].ID] = found{
				version: present[i].Version, own: auth.Visible(&w.l.Schema, w.opts.Only, source),
			}
		}
	}
	return out, nil
}
