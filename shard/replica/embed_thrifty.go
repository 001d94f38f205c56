package replica

import (
	"context"
	"errors"
	"slices"
	"sync"

	"sagasu/embedclient"
)

// thrifty is an embedding service of which no answer is lost: where some texts of a call fail and the call is to be
// made again, the vectors of the others are kept for then. A slow service would else do the same work over and over.
type thrifty struct {
	service embedclient.Embedder

	// mu guards kept.
	mu sync.Mutex
	// kept are vectors by the digest of their text, at most maxKept.
	kept map[[16]byte][]float32
}

// maxKept is what batches under way can leave behind.
const maxKept = maxFlight * maxEmbedTexts

func newThrifty(service embedclient.Embedder) *thrifty {
	return &thrifty{service: service, kept: map[[16]byte][]float32{}}
}

// Embed implements embedclient.Embedder.
func (t *thrifty) Embed(ctx context.Context, kind embedclient.Kind, texts []string) ([][]float32, error) {
	values := make([][]float32, len(texts))
	var rest []string
	var places []int
	for i, text := range texts {
		if values[i] = t.take(text); values[i] == nil {
			rest, places = append(rest, text), append(places, i)
		}
	}
	if len(rest) == 0 {
		return values, nil
	}
	got, err := t.service.Embed(ctx, kind, rest)
	if len(rest) == len(texts) {
		t.keep(texts, got, err)
		return got, err
	}
	var batch *embedclient.BatchError
	switch {
	case err == nil && len(got) == len(rest):
	case err == nil:
		return nil, ErrEmbed
	case errors.As(err, &batch) && len(batch.Errs) == len(rest):
	default:
		// What the call as a whole failed of is each text's failure.
		batch = &embedclient.BatchError{Errs: make([]error, len(rest))}
		for i := range rest {
			batch.Errs[i] = err
		}
		got = make([][]float32, len(rest))
	}
	for i, place := range places {
		values[place] = got[i]
	}
	if batch == nil {
		return values, nil
	}
	errs := make([]error, len(texts))
	for i, place := range places {
		errs[place] = batch.Errs[i]
	}
	all := &embedclient.BatchError{Errs: errs}
	t.keep(texts, values, all)
	return values, all
}

// take gives a text's vector if it was kept, once.
func (t *thrifty) take(text string) []float32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return nil
	}
	digest := digestOf(text)
	v := t.kept[digest]
	delete(t.kept, digest)
	return v
}

// keep keeps what there is of a call that failed in part.
func (t *thrifty) keep(texts []string, values [][]float32, err error) {
	var batch *embedclient.BatchError
	again := func(e error) bool { return e != nil && !errors.Is(e, embedclient.ErrRejected) }
	if !errors.As(err, &batch) || len(values) != len(texts) || !slices.ContainsFunc(batch.Errs, again) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, v := range values {
		if v != nil && len(t.kept) < maxKept {
			t.kept[digestOf(texts[i])] = v
		}
	}
}
