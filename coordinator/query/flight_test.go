package query

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestFlights(t *testing.T) {
	key := digest{1}
	// held is a search that answers when it is let go, or ends with its context.
	type held struct {
		runs, ended atomic.Int32
		goOn        chan struct{}
		err         error
	}
	newHeld := func() *held { return &held{goOn: make(chan struct{})} }
	search := func(h *held) func(context.Context) (*api.SearchResponse, error) {
		return func(ctx context.Context) (*api.SearchResponse, error) {
			h.runs.Add(1)
			defer h.ended.Add(1)
			select {
			case <-h.goOn:
				return &api.SearchResponse{Total: api.Total{Value: 7}}, h.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	// join starts n waiters and gives what they got once all are done.
	type got struct {
		response *api.SearchResponse
		joined   bool
		err      error
	}
	join := func(ctx context.Context, f *flights, key digest, h *held, n int) (*sync.WaitGroup, []got) {
		group, all := &sync.WaitGroup{}, make([]got, n)
		for i := range n {
			group.Go(func() {
				all[i].response, all[i].joined, all[i].err = f.share(ctx, key, time.Second, search(h))
			})
		}
		return group, all
	}

	t.Run("equal ones run once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, h := newFlights(time.Now), newHeld()
			group, all := join(t.Context(), f, key, h, 50)
			synctest.Wait()
			other, _ := join(t.Context(), f, digest{2}, h, 1)
			synctest.Wait()
			close(h.goOn)
			group.Wait()
			other.Wait()
			require.Equal(t, int32(2), h.runs.Load())
			joined := 0
			for _, g := range all {
				require.NoError(t, g.err)
				require.Equal(t, 7, g.response.Total.Value)
				if g.joined {
					joined++
				}
			}
			require.Equal(t, 49, joined)
			require.Empty(t, f.flying)
		})
	})
	t.Run("who leaves takes nothing from the others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, h := newFlights(time.Now), newHeld()
			ctx, cancel := context.WithCancel(t.Context())
			first, left := join(ctx, f, key, h, 1)
			synctest.Wait()
			second, stayed := join(t.Context(), f, key, h, 1)
			synctest.Wait()
			cancel()
			first.Wait()
			require.ErrorIs(t, left[0].err, context.Canceled)
			require.Zero(t, h.ended.Load())
			close(h.goOn)
			second.Wait()
			require.NoError(t, stayed[0].err)
			require.True(t, stayed[0].joined)
			require.Equal(t, int32(1), h.runs.Load())
		})
	})
	t.Run("when all have left it ends, and is not joined", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, h := newFlights(time.Now), newHeld()
			ctx, cancel := context.WithCancel(t.Context())
			group, _ := join(ctx, f, key, h, 3)
			synctest.Wait()
			cancel()
			group.Wait()
			require.Empty(t, f.flying)
			synctest.Wait()
			require.Equal(t, int32(1), h.ended.Load())
			group, all := join(t.Context(), f, key, h, 1)
			synctest.Wait()
			close(h.goOn)
			group.Wait()
			require.NoError(t, all[0].err)
			require.False(t, all[0].joined)
		})
	})
	t.Run("an old one is not joined", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, h := newFlights(time.Now), newHeld()
			first, _ := join(t.Context(), f, key, h, 1)
			time.Sleep(2 * time.Second)
			second, all := join(t.Context(), f, key, h, 1)
			synctest.Wait()
			require.Equal(t, int32(2), h.runs.Load())
			// The newer one is what others join, also when the older one ends.
			require.Len(t, f.flying, 1)
			close(h.goOn)
			first.Wait()
			second.Wait()
			require.False(t, all[0].joined)
			require.Empty(t, f.flying)
		})
	})
	t.Run("errors are shared and not remembered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, h := newFlights(time.Now), newHeld()
			h.err = errors.New("no")
			group, all := join(t.Context(), f, key, h, 2)
			synctest.Wait()
			close(h.goOn)
			group.Wait()
			require.ErrorIs(t, all[0].err, h.err)
			require.ErrorIs(t, all[1].err, h.err)
			h.err = nil
			group, all = join(t.Context(), f, key, h, 1)
			group.Wait()
			require.NoError(t, all[0].err)
		})
	})
	t.Run("a panic is contained", func(t *testing.T) {
		f := newFlights(time.Now)
		_, _, err := f.share(t.Context(), key, time.Second, func(context.Context) (*api.SearchResponse, error) {
			panic("at the disco")
		})
		require.ErrorContains(t, err, "at the disco")
		require.Empty(t, f.flying)
	})
}
