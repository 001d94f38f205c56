package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/passage"
	"sagasu/sparse/analysis"
)

// passages splits the documents of an index, and writes and reads them by their passages.
type passages struct {
	schema *api.Schema
	cfg    passage.Config
}

// passagesOf gives what splits the documents of an index that has passages.
func passagesOf(schema *api.Schema, analyzers *analysis.Registry) (*passages, error) {
	analyzer, err := analyzers.Get(schema.Fields[schema.Passages.Field].Analyzer)
	if err != nil {
		return nil, fmt.Errorf("split documents: %w", err)
	}
	tokens := func(text string) []passage.Span {
		found := analyzer.Analyze(nil, text)
		spans := make([]passage.Span, len(found))
		for i, t := range found {
			spans[i] = passage.Span{Start: t.Start, End: t.End}
		}
		return spans
	}
	p := &passages{schema: schema, cfg: passage.Of(schema.Passages, tokens)}
	if err := p.cfg.Validate(); err != nil {
		return nil, fmt.Errorf("split documents: %w", err)
	}
	return p, nil
}

// expand gives the writes that carry out a write of a whole document. They are one: the first has the condition, and
// decides over all; the last removes what an earlier version had beyond. size is about what they take in a log, in
// bytes. Errors are *api.Problem.
func (p *passages) expand(w *api.Write) (writes []api.Write, size int, err error) {
	if err := p.schema.CheckWriteID(w.Doc.ID); err != nil {
		return nil, 0, err
	}
	if w.Doc.Vector != nil {
		return nil, 0, api.NewProblem(api.ProblemDocument, 400, "vector", "can't be given where documents are split")
	}
	if w.Kind == api.OpDelete {
		first := api.Write{Kind: api.OpDelete, Doc: api.Document{ID: api.PassageID(w.Doc.ID, 0)}, IfVersion: w.IfVersion}
		return []api.Write{first, trim(w.Doc.ID, 1)}, 0, nil
	}
	x, err := api.NewSplitter(&w.Doc, p.schema.Passages.Field)
	if err != nil {
		return nil, 0, err
	}
	parts := p.split(x)
	if len(parts) > api.MaxPassages {
		return nil, 0, api.NewProblem(api.ProblemTooLarge, 413, p.schema.Passages.Field,
			"makes %d passages, a document may have %d at most", len(parts), api.MaxPassages)
	}
	writes = make([]api.Write, 0, len(parts)+1)
	for i := range parts {
		parts[i].Parent, parts[i].Position, parts[i].Count = w.Doc.ID, i, len(parts)
		next := api.Write{Kind: api.OpIndex, Doc: x.Document(parts[i]), Follows: i > 0}
		if i == 0 {
			next.Kind, next.IfVersion = w.Kind, w.IfVersion
		}
		writes = append(writes, next)
		if size += len(next.Doc.Source) + len(next.Doc.ID); size > api.MaxPassageBytes {
			return nil, 0, api.NewProblem(api.ProblemTooLarge, 413, p.schema.Passages.Field,
				"makes %d passages of more than %d bytes in all, with the fields that each has: split the document, or put "+
					"less into its other fields", len(parts), api.MaxPassageBytes)
		}
	}
	return append(writes, trim(w.Doc.ID, len(parts))), size, nil
}

// trim removes the passages of a document from a position on, if the write before it was carried out.
func trim(id string, from int) api.Write {
	return api.Write{Kind: api.OpTrim, Doc: api.Document{ID: id}, From: from, Follows: true}
}

// split gives the parts of a document, at least one.
func (p *passages) split(x *api.Splitter) []api.Passage {
	var parts []api.Passage
	for i, text := range x.Texts() {
		value := 0
		if x.Array() {
			value = i + 1
		}
		for _, part := range passage.Split(text, p.cfg) {
			parts = append(parts, api.Passage{Start: part.Start, End: part.End, Heading: part.Heading, Value: value})
		}
	}
	if len(parts) == 0 {
		return []api.Passage{{}}
	}
	return parts
}

// passageWrite brings whole documents to an index as passages.
type passageWrite struct {
	node *Node
	l    *layout
	*passages
	documents []api.Write
	results   []api.WriteResult
	// highest is, for each document, the highest version of its passages.
	highest []uint64

	// batch is what the next call has, of the documents from first on; count says how many writes each has, 0 for
	// one that is refused already.
	batch []api.Write
	first int
	count []int
	bytes int
}

// writePassages is Write for an index whose documents are split. What is under way at a time is one call's worth of
// passages and those of one document.
func (n *Node) writePassages(ctx context.Context, l *layout, documents []api.Write, opts httpapi.WriteOptions) (
	[]api.WriteResult, error,
) {
	p, err := passagesOf(&l.Schema, n.cfg.Analyzers)
	if err != nil {
		return nil, err
	}
	w := &passageWrite{
		node: n, l: l, passages: p, documents: documents, results: make([]api.WriteResult, len(documents)),
		highest: make([]uint64, len(documents)),
	}
	for i := range documents {
		if err := w.add(ctx, i); err != nil {
			return nil, err
		}
	}
	if err := w.send(ctx); err != nil {
		return nil, err
	}
	if !opts.WaitDense || l.Schema.Dense == nil {
		return w.results, nil
	}
	waits := make([]api.WriteResult, len(documents))
	for i, version := range w.highest {
		waits[i].Version = version
	}
	return w.results, n.waitDense(ctx, l, documents, waits)
}

// add puts a document into the batch, after sending it if it is full.
func (w *passageWrite) add(ctx context.Context, i int) error {
	writes, size, err := w.expand(&w.documents[i])
	var problem *api.Problem
	switch {
	case errors.As(err, &problem):
		w.results[i] = api.WriteResult{ID: w.documents[i].Doc.ID, Status: api.StatusError, Error: problem}
	case err != nil:
		return err
	}
	if len(w.batch) > 0 && (len(w.batch)+len(writes) > maxPassageBatch || w.bytes+size > maxPassageBatchBytes) {
		if err := w.send(ctx); err != nil {
			return err
		}
	}
	w.batch = append(w.batch, writes...)
	w.count = append(w.count, len(writes))
	w.bytes += size
	return nil
}

// send writes the batch and takes note of the results.
func (w *passageWrite) send(ctx context.Context) error {
	got := make([]api.WriteResult, len(w.batch))
	if len(w.batch) > 0 {
		if err := w.node.writeAll(ctx, w.l, w.batch, got); err != nil {
			if w.first > 0 {
				err = fmt.Errorf("%w: %d of %d documents done: %w", api.ErrUnknownOutcome, w.first, len(w.documents), err)
			}
			return err
		}
	}
	for _, n := range w.count {
		if n > 0 {
			w.settle(w.first, got[:n])
		}
		got = got[n:]
		w.first++
	}
	w.batch, w.count, w.bytes = nil, nil, 0
	return nil
}

// settle makes the result of a document from those of its passages; the last one is that of the trim.
func (w *passageWrite) settle(i int, got []api.WriteResult) {
	result := got[0]
	result.ID = w.documents[i].Doc.ID
	if result.Status == api.StatusCreated || result.Status == api.StatusUpdated {
		result.Passages = len(got) - 1
	}
	for _, r := range got {
		w.highest[i] = max(w.highest[i], r.Version)
		if r.Status == api.StatusError && result.Status != api.StatusError {
			result = api.WriteResult{ID: result.ID, Status: r.Status, Error: r.Error}
		}
	}
	if result.Status == api.StatusConflict {
		w.highest[i] = 0
	}
	w.results[i] = result
}
