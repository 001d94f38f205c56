package replica

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/embedclient"
)

// partial is a service that fails texts as it is told, and counts how often it embedded each.
type partial struct {
	fail map[string]error
	done map[string]int
}

func (p *partial) Embed(_ context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	values, errs := make([][]float32, len(texts)), make([]error, len(texts))
	failed := false
	for i, text := range texts {
		if errs[i] = p.fail[text]; errs[i] != nil {
			failed = true
			continue
		}
		p.done[text]++
		values[i] = []float32{float32(len(text)), float32(text[0])}
	}
	switch {
	case !failed:
		return values, nil
	case len(texts) == 1:
		return nil, errs[0]
	}
	return values, &embedclient.BatchError{Errs: errs}
}

func TestThrifty(t *testing.T) {
	texts := []string{"a", "bb", "ccc", "dddd"}
	down, bad := errors.New("down"), embedclient.ErrRejected
	t.Run("what succeeded is not asked for again", func(t *testing.T) {
		service := &partial{fail: map[string]error{"bb": down}, done: map[string]int{}}
		thrift := newThrifty(service)
		_, _, err := embedTexts(t.Context(), thrift, texts)
		require.ErrorIs(t, err, down)
		// The one that is left fails alone.
		_, _, err = embedTexts(t.Context(), thrift, texts)
		require.ErrorIs(t, err, down)
		service.fail = nil
		values, reasons, err := embedTexts(t.Context(), thrift, texts)
		require.NoError(t, err)
		require.Equal(t, make([]error, 4), reasons)
		for i, text := range texts {
			require.Equal(t, []float32{float32(len(text)), float32(text[0])}, values[i])
			require.Equal(t, 1, service.done[text], text)
		}
		require.Empty(t, thrift.kept)
	})
	t.Run("rejected texts don't make a call come again", func(t *testing.T) {
		thrift := newThrifty(&partial{fail: map[string]error{"bb": bad}, done: map[string]int{}})
		values, reasons, err := embedTexts(t.Context(), thrift, texts)
		require.NoError(t, err)
		require.ErrorIs(t, reasons[1], bad)
		require.NotNil(t, values[0])
		require.Empty(t, thrift.kept)
	})
	t.Run("rejected texts beside known ones are told by place", func(t *testing.T) {
		service := &partial{fail: map[string]error{"bb": down}, done: map[string]int{}}
		thrift := newThrifty(service)
		_, _, err := embedTexts(t.Context(), thrift, texts)
		require.ErrorIs(t, err, down)
		service.fail["bb"] = bad
		values, reasons, err := embedTexts(t.Context(), thrift, texts)
		require.NoError(t, err)
		require.ErrorIs(t, reasons[1], bad)
		require.NoError(t, errors.Join(reasons[0], reasons[2], reasons[3]))
		require.Equal(t, []float32{3, 'c'}, values[2])
	})
	t.Run("no more is kept than batches under way can leave", func(t *testing.T) {
		many := make([]string, 3*maxKept)
		for i := range many {
			many[i] = string(rune('a'+i%26)) + string(make([]byte, i))
		}
		thrift := newThrifty(&partial{fail: map[string]error{many[0]: down}, done: map[string]int{}})
		_, err := thrift.Embed(t.Context(), embedclient.Passage, many)
		require.ErrorIs(t, err, down)
		require.Len(t, thrift.kept, maxKept)
	})
}
