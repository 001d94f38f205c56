package replica

import (
	"context"
	"errors"
	"fmt"

	"sagasu/embedclient"
	"sagasu/internal/dense"
)

// embed gives the vectors of a round and the documents that will never have one. Any other failure of
// the service is an error, and the round is done again.
func (o *outbox) embed(ctx context.Context, w *work) ([]dense.Vector, []Failure, error) {
	vectors := w.ready
	if len(w.texts) == 0 {
		return vectors, nil, nil
	}
	if o.embedder == nil {
		return nil, nil, errNoEmbedder
	}
	values, reasons, err := o.embedTexts(ctx, w.texts)
	if err != nil {
		return nil, nil, fmt.Errorf("embed %d texts: %w", len(w.texts), err)
	}
	var failures []Failure
	for i, v := range w.waiting {
		if reasons[i] != nil {
			failures = append(failures, Failure{ID: v.ID, Version: v.Version, Reason: reason(reasons[i])})
			continue
		}
		switch err := checkVector(values[i], o.schema.Dense.Dims); {
		case errors.Is(err, dense.ErrDimension):
			// The service has another model than the index: nobody's text is at fault.
			return nil, nil, fmt.Errorf("%w: %w", ErrEmbed, err)
		case err != nil:
			failures = append(failures, Failure{ID: v.ID, Version: v.Version, Reason: reason(err)})
			continue
		}
		v.Values = values[i]
		vectors = append(vectors, v)
	}
	return vectors, failures, nil
}

// embedTexts embeds all texts. Per text it gives a vector or why it was rejected for good; an error
// means that nothing is known, and trying again makes sense.
func (o *outbox) embedTexts(ctx context.Context, texts []string) ([][]float32, []error, error) {
	values, err := o.embedder.Embed(ctx, embedclient.Passage, texts)
	reasons := make([]error, len(texts))
	var batch *embedclient.BatchError
	switch {
	case err == nil:
	case errors.As(err, &batch) && len(batch.Errs) == len(texts):
		for i, e := range batch.Errs {
			if e != nil && !errors.Is(e, embedclient.ErrRejected) {
				return nil, nil, e
			}
			reasons[i] = e
		}
	case errors.Is(err, embedclient.ErrRejected) && len(texts) == 1:
		return make([][]float32, 1), []error{err}, nil
	case errors.Is(err, embedclient.ErrRejected):
		return o.embedHalves(ctx, texts)
	default:
		return nil, nil, err
	}
	if len(values) != len(texts) {
		return nil, nil, fmt.Errorf("%d vectors for %d texts: %w", len(values), len(texts), ErrEmbed)
	}
	return values, reasons, nil
}

// embedHalves finds the texts at fault in a batch that was rejected as a whole.
func (o *outbox) embedHalves(ctx context.Context, texts []string) ([][]float32, []error, error) {
	half := len(texts) / 2
	values, reasons, err := o.embedTexts(ctx, texts[:half])
	if err != nil {
		return nil, nil, err
	}
	moreValues, moreReasons, err := o.embedTexts(ctx, texts[half:])
	if err != nil {
		return nil, nil, err
	}
	return append(values, moreValues...), append(reasons, moreReasons...), nil
}

// reason cuts an error's text to maxReasonBytes, at the start of a character.
func reason(err error) string {
	text := err.Error()
	if len(text) <= maxReasonBytes {
		return text
	}
	cut := maxReasonBytes
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return text[:cut]
}
