package replica

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"sagasu/embedclient"
)

// embedTexts embeds all texts. Per text it gives a vector or why it was rejected for good; an error
// means that nothing is known, and trying again makes sense.
func embedTexts(ctx context.Context, service embedclient.Embedder, texts []string) ([][]float32, []error, error) {
	values, err := service.Embed(ctx, embedclient.Passage, texts)
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
		return embedHalves(ctx, service, texts)
	default:
		return nil, nil, err
	}
	if len(values) != len(texts) {
		return nil, nil, fmt.Errorf("%d vectors for %d texts: %w", len(values), len(texts), ErrEmbed)
	}
	return values, reasons, nil
}

// embedHalves finds the texts at fault in a batch that was rejected as a whole.
func embedHalves(ctx context.Context, service embedclient.Embedder, texts []string) ([][]float32, []error, error) {
	half := len(texts) / 2
	values, reasons, err := embedTexts(ctx, service, texts[:half])
	if err != nil {
		return nil, nil, err
	}
	moreValues, moreReasons, err := embedTexts(ctx, service, texts[half:])
	if err != nil {
		return nil, nil, err
	}
	return append(values, moreValues...), append(reasons, moreReasons...), nil
}

// embedBeginning tries a long text that was rejected once more, with ever less of its beginning: services refuse
// what is longer than their model takes, each in words of its own. What remains rejected is so for its first reason.
func embedBeginning(ctx context.Context, service embedclient.Embedder, text string, first error) (
	values []float32, rejected, err error,
) {
	for len(text) > minCutBytes {
		text = beginning(text, len(text)/2)
		got, reasons, err := embedTexts(ctx, service, []string{text})
		if err != nil {
			return nil, nil, err
		}
		if reasons[0] == nil {
			return got[0], nil, nil
		}
	}
	return nil, first, nil
}

// beginning gives the first characters of a text, at most so many bytes.
func beginning(text string, most int) string {
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// reason cuts an error's text to maxReasonBytes.
func reason(err error) string {
	text := err.Error()
	if len(text) <= maxReasonBytes {
		return text
	}
	return beginning(text, maxReasonBytes)
}
