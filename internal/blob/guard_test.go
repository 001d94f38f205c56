package blob_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/blob"
	"sagasu/internal/blob/blobtest"
)

func TestGuard(t *testing.T) {
	s, _ := openDir(t)
	blobtest.Conform(t, blob.Guard(s, blob.DefaultGuard()))
}

// failing gives a guarded store whose first calls fail.
func failing(t *testing.T, fault blobtest.Fault, times int32) (blob.Store, *atomic.Int32, *blobtest.Faulty) {
	t.Helper()
	s, _ := openDir(t)
	data := []byte("data")
	require.NoError(t, s.Put(t.Context(), "there", blob.Bytes(data), blob.ContentOf(data)))
	var calls atomic.Int32
	faulty := blobtest.NewFaulty(s, func(string, string) blobtest.Fault {
		if calls.Add(1) <= times {
			return fault
		}
		return blobtest.None
	})
	return blob.Guard(faulty, blob.DefaultGuard()), &calls, faulty
}

func TestGuardRepeats(t *testing.T) {
	data := []byte("new")
	for name, call := range map[string]func(ctx context.Context, s blob.Store) error{
		"put": func(ctx context.Context, s blob.Store) error {
			return s.Put(ctx, "new", blob.Bytes(data), blob.ContentOf(data))
		},
		"get": func(ctx context.Context, s blob.Store) error {
			_, err := blob.ReadAll(ctx, s, "there", 10)
			return err
		},
		"stat": func(ctx context.Context, s blob.Store) error {
			_, err := s.Stat(ctx, "there")
			return err
		},
		"list": func(ctx context.Context, s blob.Store) error {
			return s.List(ctx, "", func(blob.Info) error { return nil })
		},
		"delete": func(ctx context.Context, s blob.Store) error { return s.Delete(ctx, "there") },
	} {
		t.Run(name+" when the store was away for a moment", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, calls, _ := failing(t, blobtest.Unavailable, blob.DefaultTries-1)
				require.NoError(t, call(t.Context(), s))
				require.EqualValues(t, blob.DefaultTries, calls.Load())
			})
		})
		t.Run(name+" not for ever", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, calls, _ := failing(t, blobtest.Unavailable, 1000)
				require.ErrorIs(t, call(t.Context(), s), blob.ErrUnavailable)
				require.EqualValues(t, blob.DefaultTries, calls.Load())
			})
		})
		t.Run(name+" ends although the store hangs", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, faulty := failing(t, blobtest.Hang, 1000)
				began := time.Now()
				require.ErrorIs(t, call(t.Context(), s), blob.ErrUnavailable)
				cfg := blob.DefaultGuard()
				require.Less(t, time.Since(began), time.Duration(cfg.Tries+1)*cfg.Stall)
				faulty.Release()
				synctest.Wait()
			})
		})
		t.Run(name+" ends with its caller although the store hangs", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, faulty := failing(t, blobtest.Hang, 1000)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorIs(t, call(ctx, s), context.DeadlineExceeded)
				faulty.Release()
				synctest.Wait()
			})
		})
	}
}

func TestGuardLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := failing(t, blobtest.LoseAnswer, 1)
		data := []byte("new")
		// The object is there; that it was this call which put it can't be known.
		require.ErrorIs(t, s.Put(t.Context(), "new", blob.Bytes(data), blob.ContentOf(data)), blob.ErrExists)
	})
}

// slow gives a byte a minute, and then nothing.
type slow struct {
	left int
	stop chan struct{}
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		<-s.stop
		return 0, io.EOF
	}
	<-time.After(time.Minute)
	s.left--
	p[0] = 'x'
	return 1, nil
}

func (s *slow) Close() error { return nil }

type slowStore struct {
	blob.Store
	body *slow
}

func (s slowStore) Get(context.Context, string) (io.ReadCloser, int64, error) {
	return s.body, 100, nil
}

func TestGuardSlowReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &slow{left: 10, stop: make(chan struct{})}
		s := blob.Guard(slowStore{body: body}, blob.DefaultGuard())
		r, _, err := s.Get(t.Context(), "slow")
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.ErrorIs(t, err, blob.ErrUnavailable, "it hangs after ten bytes")
		require.Len(t, data, 10, "while it is only slow it goes on")
		require.NoError(t, r.Close())
		close(body.stop)
		synctest.Wait()
	})
}

func TestFaultsAreFound(t *testing.T) {
	data := []byte("data")
	for _, fault := range []blobtest.Fault{blobtest.Corrupt, blobtest.Truncate} {
		for _, at := range []string{"get", "put"} {
			s, _ := openDir(t)
			faulty := blobtest.NewFaulty(s, func(op, _ string) blobtest.Fault {
				if op == at {
					return fault
				}
				return blobtest.None
			})
			require.NoError(t, faulty.Put(t.Context(), "object", blob.Bytes(data), blob.ContentOf(data)))
			err := blob.Copy(t.Context(), faulty, "object", blob.ContentOf(data), io.Discard)
			require.ErrorIs(t, err, blob.ErrContent)
		}
	}
	s, _, _ := failing(t, blobtest.Lose, 1000)
	require.NoError(t, s.Put(t.Context(), "lost", blob.Bytes(nil), blob.ContentOf(nil)))
	_, err := s.Stat(t.Context(), "lost")
	require.ErrorIs(t, err, blob.ErrNotFound)
}

func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "../a", "snapshots/x/manifest", ".a", "a//b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if blob.CheckName(name) != nil {
			return
		}
		require.NotContains(t, name, "..x/")
		require.NotContains(t, name, "//")
		require.NotEqual(t, byte('/'), name[0])
		require.NotContains(t, "/"+name, "/.")
	})
}
