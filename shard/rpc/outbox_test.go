package rpc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

func TestOutboxCalls(t *testing.T) {
	ctx := t.Context()
	fake := &fakeReplica{mark: sampleMark, docs: map[string]sparse.Stored{}}
	remote := NewClient(newCluster(fake, nil)).At("n1")
	ids := []string{"p1", "p2"}

	t.Run("current", func(t *testing.T) {
		want := replica.Presence{Versions: []uint64{9, 0}, Lag: 3}
		fake.answer = want
		got, mark, err := remote.Current(ctx, sampleCall, ids, 2)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &currentCall{sampleCall, 2, ids}, fake.asked)
		fake.answer = replica.Presence{Versions: []uint64{9}}
		_, _, err = remote.Current(ctx, sampleCall, ids, 2)
		require.ErrorIs(t, err, ErrMessage, "a version is missing")
	})
	t.Run("select ids", func(t *testing.T) {
		fake.answer = ids
		got, mark, err := remote.SelectIDs(ctx, sampleCall, sampleQuery(), 7)
		require.NoError(t, err)
		require.Equal(t, ids, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &selectCall{sampleCall, sampleQuery(), 7}, fake.asked)
		_, _, err = remote.SelectIDs(ctx, sampleCall, &api.MatchAll{}, MaxIDs+1)
		require.ErrorIs(t, err, ErrTooLarge)
	})
	t.Run("position", func(t *testing.T) {
		want := replica.Position{Version: 3, Dense: 5}
		fake.answer = want
		got, mark, err := remote.Position(ctx, sampleCall)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
	})
	t.Run("dense status", func(t *testing.T) {
		want := []replica.GenerationStatus{{Generation: 1, Vectors: 7, Trouble: "down", Rate: 1.5}}
		fake.answer = want
		got, mark, err := remote.DenseStatus(ctx, sampleCall)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
	})
	t.Run("dense failures", func(t *testing.T) {
		want := replica.Failures{List: []replica.Failure{{ID: "a", Version: 2, Reason: "long"}}, More: 1}
		fake.answer = want
		got, mark, err := remote.DenseFailures(ctx, sampleCall, 1)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &generationCall{sampleCall, 1}, fake.asked)
	})
	t.Run("retry and repair", func(t *testing.T) {
		mark, err := remote.RetryDense(ctx, sampleCall, 1)
		require.NoError(t, err)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &generationCall{sampleCall, 1}, fake.asked)
		mark, err = remote.RepairDense(ctx, sampleCall, 1, ids)
		require.NoError(t, err)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &repairCall{sampleCall, 1, ids}, fake.asked)
	})
	t.Run("list keys", func(t *testing.T) {
		want := []replica.KeyState{{ID: "a", Version: 2, Vectors: []replica.VectorState{{Generation: 1, Version: 2}}}}
		fake.answer = want
		got, mark, err := remote.ListKeys(ctx, sampleCall, "A", 10)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, sampleMark, mark)
		require.Equal(t, &keysCall{sampleCall, "A", 10}, fake.asked)
	})
	t.Run("errors name the generation", func(t *testing.T) {
		fake.err = replica.ErrNoGeneration
		defer func() { fake.err = nil }()
		_, _, err := remote.Current(ctx, sampleCall, ids, 9)
		require.ErrorIs(t, err, replica.ErrNoGeneration)
	})
}

func TestDenseVersion(t *testing.T) {
	t.Run("a search of the first generation is one that older nodes understand", func(t *testing.T) {
		body, err := (&denseCall{request: replica.DenseRequest{Vector: []float32{1}}}).encode()
		require.NoError(t, err)
		require.Equal(t, byte(version), body[0])
	})
	t.Run("one of another they refuse", func(t *testing.T) {
		body, err := (&denseCall{request: replica.DenseRequest{Generation: 1, Vector: []float32{1}}}).encode()
		require.NoError(t, err)
		require.Equal(t, byte(denseVersion), body[0])
		require.ErrorIs(t, (&countCall{}).decode(newDecoder(body)), ErrVersion)
	})
}
