package query

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestEverywhere(t *testing.T) {
	three := make([]Shard, 3)
	t.Run("gives answers in the order of the shards", func(t *testing.T) {
		broken := errors.New("broken")
		answers := everywhere(t.Context(), three, func(_ context.Context, i int, _ Shard) (int, error) {
			if i == 1 {
				return 0, broken
			}
			return i, nil
		})
		require.Equal(t, 0, answers[0].value)
		require.Equal(t, broken, answers[1].err)
		require.Equal(t, 2, answers[2].value)
	})
	t.Run("keeps what was given when the time is up, and nothing that comes later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			late := make(chan struct{})
			go func() {
				synctest.Wait() // shard 0 has answered, the others hang
				cancel()
			}()
			answers := everywhere(ctx, three, func(_ context.Context, i int, _ Shard) (int, error) {
				if i > 0 {
					<-late
				}
				return i + 10, nil
			})
			close(late)
			synctest.Wait()
			require.Equal(t, 10, answers[0].value)
			require.NoError(t, answers[0].err)
			for _, a := range answers[1:] {
				require.Zero(t, a.value)
				require.Equal(t, context.Canceled, a.err)
			}
		})
	})
	t.Run("gives nothing for no shards", func(t *testing.T) {
		require.Empty(t, everywhere(t.Context(), nil, func(context.Context, int, Shard) (int, error) { return 0, nil }))
	})
}
