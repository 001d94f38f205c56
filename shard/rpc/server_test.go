package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

var (
	sampleCall = Call{Shard: "s", Epoch: 4, MinIndex: 1000}
	sampleMark = Mark{Applied: 1003, Epoch: 4, ServiceMicros: 310}
)

func TestCalls(t *testing.T) {
	ctx := t.Context()
	fake := &fakeReplica{mark: sampleMark, docs: map[string]sparse.Stored{}}
	client := NewClient(newCluster(fake, nil))
	remote := client.At("n1")
	stats := sampleStatistics()
	terms := []sparse.TermKey{{Field: "title", Term: "地震"}}

	t.Run("search sparse", func(t *testing.T) {
		hits := []sparse.Hit{{ID: "p1", Score: 0.1, Version: 9}}
		want := &sparseAnswer{top: sparse.TopDocs{Hits: hits, Total: 3}, stats: stats}
		fake.answer = want
		req := sparse.Request{Query: sampleQuery(), Filter: &api.MatchAll{Boost: 1}, K: 10, Stats: &stats}
		top, got, mark, err := remote.SearchSparse(ctx, sampleCall, req, terms)
		require.NoError(t, err)
		require.Equal(t, want.top, top)
		require.Equal(t, stats, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &sparseCall{sampleCall, req, terms}, fake.asked)
	})
	t.Run("search sparse, counting up to a number", func(t *testing.T) {
		want := &sparseAnswer{top: sparse.TopDocs{Total: 100, More: true}}
		fake.answer = want
		req := sparse.Request{Query: sampleQuery(), Count: 100}
		top, _, _, err := remote.SearchSparse(ctx, sampleCall, req, nil)
		require.NoError(t, err)
		require.Equal(t, want.top, top)
		require.Equal(t, &sparseCall{Call: sampleCall, request: req}, fake.asked)
	})
	t.Run("a node that can't count up to a number counts all", func(t *testing.T) {
		fake.answer = &sparseAnswer{top: sparse.TopDocs{Total: 812}}
		net := newCluster(fake, nil)
		now := net.handlers[MethodSearchSparse]
		net.handlers[MethodSearchSparse] = func(ctx context.Context, body, dst []byte) ([]byte, error) {
			if body[0] != version {
				return nil, toFailure(ErrVersion)
			}
			return now(ctx, body, dst)
		}
		req := sparse.Request{Query: sampleQuery(), Count: 100}
		top, _, _, err := NewClient(net).SearchSparse(ctx, "n1", sampleCall, req, nil)
		require.NoError(t, err)
		require.Equal(t, 812, top.Total)
		require.Equal(t, &sparseCall{Call: sampleCall, request: sparse.Request{Query: sampleQuery()}}, fake.asked)
	})
	t.Run("search sparse without statistics", func(t *testing.T) {
		fake.answer = &sparseAnswer{}
		top, got, _, err := remote.SearchSparse(ctx, sampleCall, sparse.Request{}, nil)
		require.NoError(t, err)
		require.Zero(t, top)
		require.Zero(t, got)
		require.Equal(t, &sparseCall{Call: sampleCall}, fake.asked)
	})
	t.Run("statistics", func(t *testing.T) {
		fake.answer = stats
		got, mark, err := remote.Statistics(ctx, sampleCall, terms)
		require.NoError(t, err)
		require.Equal(t, stats, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &statisticsCall{sampleCall, terms}, fake.asked)
	})
	t.Run("search dense", func(t *testing.T) {
		want := replica.DenseResult{Hits: []dense.Hit{{ID: "p1", Version: 9, Score: 0.5}}, Lag: 1, Total: 7}
		fake.answer = want
		req := replica.DenseRequest{Vector: []float32{1, 0.5}, K: 10, Filter: sampleQuery()}
		got, mark, err := remote.SearchDense(ctx, sampleCall, req)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &denseCall{sampleCall, req}, fake.asked)
	})
	t.Run("count", func(t *testing.T) {
		fake.answer = 812
		n, mark, err := remote.Count(ctx, sampleCall, nil)
		require.NoError(t, err)
		require.Equal(t, 812, n)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &countCall{sampleCall, nil}, fake.asked)
	})
	t.Run("write", func(t *testing.T) {
		req := WriteRequest{ID: [16]byte{1, 15: 2}, Term: 5, Writes: sampleWrites()}
		want := WriteAnswer{Applied: 1004, Results: []api.WriteResult{
			{ID: "p1", Status: api.StatusCreated, Version: 1},
			{ID: "p3", Status: api.StatusConflict},
			{ID: "p2", Status: api.StatusDeleted, Version: 2},
		}}
		fake.answer = want
		got, mark, err := remote.Write(ctx, sampleCall, req)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &writeCall{sampleCall, req}, fake.asked, "and nothing of the body, which is gone by now")
	})
	t.Run("wait for the dense leg", func(t *testing.T) {
		mark, err := remote.WaitDense(ctx, sampleCall, 77)
		require.NoError(t, err)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &waitCall{sampleCall, 77}, fake.asked)
	})
	t.Run("info", func(t *testing.T) {
		want := ShardInfo{Applied: 3, Documents: 2, Leader: "n2", Term: 5, Bytes: 1 << 40}
		fake.answer = want
		got, mark, err := remote.Info(ctx, sampleCall)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
	})
}

func TestFetch(t *testing.T) {
	ctx := t.Context()
	fake := &fakeReplica{mark: sampleMark, docs: map[string]sparse.Stored{}}
	net := newCluster(fake, nil)
	client := NewClient(net)
	large := bytes.Repeat([]byte("x"), 6<<20)
	add := func(id string, size int) sparse.Stored {
		fake.docs[id] = sparse.Stored{ID: id, Version: uint64(len(fake.docs)), Source: large[:size:size]}
		return fake.docs[id]
	}
	t.Run("documents in order, without those that are gone", func(t *testing.T) {
		want := []sparse.Stored{add("b", 10), add("a", 20)}
		got, mark, err := client.Fetch(ctx, "n1", sampleCall, []string{"b", "gone", "a"})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
	})
	t.Run("none", func(t *testing.T) {
		got, mark, err := client.Fetch(ctx, "n1", sampleCall, nil)
		require.NoError(t, err)
		require.Empty(t, got)
		require.Equal(t, sampleMark, mark, "a call for nothing still tells of the replica")
	})
	t.Run("large documents come in several answers", func(t *testing.T) {
		var ids []string
		var want []sparse.Stored
		for i := range 3 * fetchChunk {
			id := fmt.Sprint("d", i)
			ids = append(ids, id)
			if i%7 != 0 {
				want = append(want, add(id, 1<<20))
			}
		}
		net.calls = nil
		got, mark, err := client.Fetch(ctx, "n1", sampleCall, ids)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Len(t, net.calls, len(want)/16+1)
		require.Greater(t, mark.ServiceMicros, uint64(5*310))
	})
	t.Run("any ids and sizes", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			fake.docs = map[string]sparse.Stored{}
			var want []sparse.Stored
			ids := rapid.SliceOfN(rapid.StringMatching("[a-z]{1,2}"), 0, 80).Draw(t, "ids")
			for _, id := range ids {
				_, there := fake.docs[id]
				if !there && rapid.IntRange(0, 3).Draw(t, "gone") > 0 {
					add(id, rapid.SampledFrom([]int{1, 2, 5, 10, 20, 100, 6 << 20}).Draw(t, "size"))
				}
			}
			for _, id := range ids {
				if doc, there := fake.docs[id]; there {
					want = append(want, doc)
				}
			}
			got, _, err := client.Fetch(ctx, "n1", sampleCall, ids)
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i].ID, got[i].ID)
				require.Len(t, got[i].Source, len(want[i].Source))
			}
		})
	})
	t.Run("an answer about nothing does not make the client ask for ever", func(t *testing.T) {
		net.damage = func([]byte) []byte {
			body, err := encodeMessage(&fetchAnswer{})
			require.NoError(t, err)
			return body
		}
		_, _, err := client.Fetch(ctx, "n1", sampleCall, []string{"a"})
		require.ErrorIs(t, err, ErrMessage)
	})
}

func TestErrorsOfCalls(t *testing.T) {
	ctx := t.Context()
	fake := &fakeReplica{}
	net := newCluster(fake, nil)
	client := NewClient(net)
	all := map[string]func() error{
		"search sparse": func() error {
			_, _, _, err := client.SearchSparse(ctx, "n1", sampleCall, sparse.Request{}, nil)
			return err
		},
		"statistics": func() error { _, _, err := client.Statistics(ctx, "n1", sampleCall, nil); return err },
		"search dense": func() error {
			_, _, err := client.SearchDense(ctx, "n1", sampleCall, replica.DenseRequest{})
			return err
		},
		"fetch": func() error { _, _, err := client.Fetch(ctx, "n1", sampleCall, []string{"a"}); return err },
		"count": func() error { _, _, err := client.Count(ctx, "n1", sampleCall, nil); return err },
		"write": func() error { _, _, err := client.Write(ctx, "n1", sampleCall, WriteRequest{}); return err },
		"wait":  func() error { _, err := client.WaitDense(ctx, "n1", sampleCall, 1); return err },
		"info":  func() error { _, _, err := client.Info(ctx, "n1", sampleCall); return err },
	}
	for name, call := range all {
		t.Run(name+" gives every error of the replica", func(t *testing.T) {
			for _, err := range sampleErrors() {
				fake.err = err
				got := call()
				require.ErrorContains(t, got, err.Error())
				require.ErrorContains(t, got, "node n1")
				for _, s := range sentinels() {
					if name == "write" && s.err == api.ErrUnknownOutcome {
						continue // below
					}
					require.Equal(t, errors.Is(err, s.err), errors.Is(got, s.err), "%v is %v", err, s.err)
				}
			}
			fake.err = nil
		})
		t.Run(name+" of a shard that is not there", func(t *testing.T) {
			old := sampleCall
			sampleCall.Shard = "other"
			t.Cleanup(func() { sampleCall = old })
			var none *NoShardError
			require.ErrorAs(t, call(), &none)
			require.Equal(t, &NoShardError{"other", 12}, none)
		})
		t.Run(name+" with an answer of another version", func(t *testing.T) {
			net.damage = func(answer []byte) []byte { answer[0] = 9; return answer }
			t.Cleanup(func() { net.damage = nil })
			require.ErrorIs(t, call(), ErrVersion)
		})
		t.Run(name+" with a torn answer", func(t *testing.T) {
			net.damage = func(answer []byte) []byte { return answer[:len(answer)-1] }
			t.Cleanup(func() { net.damage = nil })
			require.ErrorIs(t, call(), ErrMessage)
		})
	}
	t.Run("an error of the way passes through", func(t *testing.T) {
		_, _, err := client.Count(ctx, "n9", sampleCall, nil)
		require.ErrorIs(t, err, api.ErrUnavailable)
		require.ErrorContains(t, err, "count at node n9")
	})
	t.Run("what can't be sent is refused as the replica would", func(t *testing.T) {
		_, _, err := client.Count(ctx, "n1", sampleCall, &api.Match{Operator: "xor"})
		require.ErrorIs(t, err, sparse.ErrQuery)
	})
}

func TestOutcomeOfWrites(t *testing.T) {
	fake := &fakeReplica{}
	net := newCluster(fake, nil)
	write := func() error {
		req := WriteRequest{Writes: []api.Write{{Kind: api.OpDelete, Doc: api.Document{ID: "a"}}}}
		_, _, err := NewClient(net).Write(t.Context(), "n1", sampleCall, req)
		return err
	}
	fake.answer = WriteAnswer{Results: []api.WriteResult{{ID: "a", Status: api.StatusDeleted}}}
	require.NoError(t, write())
	for _, err := range []error{
		&NotLeaderError{Leader: "n2"}, &EpochError{3}, ErrLagging, replica.ErrOverloaded, replica.ErrWrite, replica.ErrClosed,
	} {
		t.Run("known to be undone: "+err.Error(), func(t *testing.T) {
			fake.err = err
			require.ErrorContains(t, write(), err.Error())
			require.NotErrorIs(t, write(), api.ErrUnknownOutcome)
		})
	}
	for _, err := range []error{errors.New("disk on fire"), context.DeadlineExceeded, api.ErrUnknownOutcome} {
		t.Run("unknown: "+err.Error(), func(t *testing.T) {
			fake.err = err
			require.ErrorIs(t, write(), api.ErrUnknownOutcome)
		})
	}
	fake.err = nil
	t.Run("unknown: the answer is lost", func(t *testing.T) {
		net.lost = errors.New("connection reset")
		t.Cleanup(func() { net.lost = nil })
		require.ErrorIs(t, write(), api.ErrUnknownOutcome)
		require.ErrorIs(t, write(), net.lost)
	})
	t.Run("unknown: the answer is torn", func(t *testing.T) {
		net.damage = func(answer []byte) []byte { return answer[:3] }
		t.Cleanup(func() { net.damage = nil })
		require.ErrorIs(t, write(), api.ErrUnknownOutcome)
	})
	t.Run("unknown: the answer is about other writes", func(t *testing.T) {
		fake.answer = WriteAnswer{}
		require.ErrorIs(t, write(), api.ErrUnknownOutcome)
	})
	t.Run("unknown: the answer can't be sent", func(t *testing.T) {
		fake.answer = WriteAnswer{Results: []api.WriteResult{{ID: "a", Status: "exploded"}}}
		require.ErrorIs(t, write(), api.ErrUnknownOutcome)
	})
}

func TestHandlersRefuse(t *testing.T) {
	net := newCluster(&fakeReplica{}, &fakeTransfers{})
	require.Len(t, net.handlers, 19)
	for method, handler := range net.handlers {
		require.Equal(t, method >= MethodOpenCheckpoint, IsTransfer(method))
		for name, c := range map[string]struct {
			body []byte
			is   error
		}{
			"nothing":         {nil, ErrMessage},
			"another version": {[]byte{9}, ErrVersion},
			"half a call":     {[]byte{1, 200}, ErrMessage},
			"a large body":    {make([]byte, MaxBody+1), ErrTooLarge},
		} {
			t.Run(fmt.Sprintf("%#04x %s", method, name), func(t *testing.T) {
				_, err := handler(t.Context(), c.body, nil)
				var f *Failure
				require.ErrorAs(t, err, &f)
				require.ErrorIs(t, fromFailure(f), c.is)
				require.True(t, strings.HasPrefix(f.Message, "read call: "), f.Message)
			})
		}
	}
	t.Run("a node without transfers has no handlers for them", func(t *testing.T) {
		require.Len(t, newCluster(&fakeReplica{}, nil).handlers, 16)
	})
	t.Run("an answer that is too large", func(t *testing.T) {
		hits := []sparse.Hit{{ID: strings.Repeat("x", MaxBody)}}
		client := NewClient(newCluster(&fakeReplica{answer: &sparseAnswer{top: sparse.TopDocs{Hits: hits}}}, nil))
		_, _, _, err := client.SearchSparse(t.Context(), "n1", sampleCall, sparse.Request{}, nil)
		require.ErrorIs(t, err, ErrTooLarge)
	})
}
