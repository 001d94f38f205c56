package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// written is a key that holds write 1 in version 10, acknowledged by gateway 0.
func written(t *testing.T) *key {
	t.Helper()
	k := newBook().add("k")
	a := attempt{kind: kindCreate, serial: 1}
	k.begin(a)
	require.NoError(t, k.settle(a, acked(api.StatusCreated, 10)))
	return k
}

func acked(status string, version uint64) answer {
	return answer{outcome: acknowledged, result: api.WriteResult{Status: status, Version: version, Sequence: "x-0-10"}}
}

// try makes an attempt and gives what is wrong with its answer.
func try(k *key, a attempt, r answer) error {
	k.begin(a)
	return k.settle(a, r)
}

func TestKeyReads(t *testing.T) {
	now := seen{exists: true, version: 10, serial: 1}
	doubtful := func(t *testing.T, what kind) *key {
		t.Helper()
		k := written(t)
		require.NoError(t, try(k, attempt{kind: what, serial: 2}, answer{}))
		return k
	}
	t.Run("shows what was acknowledged", func(t *testing.T) { require.NoError(t, written(t).judge(now)) })
	t.Run("shows nothing", func(t *testing.T) { require.Error(t, written(t).judge(seen{})) })
	t.Run("shows what nobody wrote", func(t *testing.T) {
		require.Error(t, written(t).judge(seen{exists: true, version: 11, serial: 2}))
	})
	t.Run("shows another version", func(t *testing.T) {
		require.Error(t, written(t).judge(seen{exists: true, version: 9, serial: 1}))
	})
	t.Run("shows either outcome of a doubtful write", func(t *testing.T) {
		require.NoError(t, doubtful(t, kindIndex).judge(now))
		k := doubtful(t, kindIndex)
		require.NoError(t, k.judge(seen{exists: true, version: 12, serial: 2}))
		require.Error(t, k.judge(now), "it was seen, and may not go again")
	})
	t.Run("shows a doubtful write before the acknowledged one", func(t *testing.T) {
		require.Error(t, doubtful(t, kindIndex).judge(seen{exists: true, version: 9, serial: 2}))
	})
	t.Run("shows either outcome of a doubtful delete", func(t *testing.T) {
		require.NoError(t, doubtful(t, kindDelete).judge(now))
		require.NoError(t, doubtful(t, kindDelete).judge(seen{}))
	})
	t.Run("shows what was deleted", func(t *testing.T) {
		k := written(t)
		require.NoError(t, try(k, attempt{kind: kindDelete, serial: 2}, acked(api.StatusDeleted, 11)))
		require.NoError(t, k.judge(seen{}))
		require.Error(t, k.judge(now))
	})
}

func TestKeyWrites(t *testing.T) {
	version := uint64(10)
	replace := attempt{kind: kindReplaceIf, serial: 2, ifVersion: &version}
	refusal := answer{outcome: conflict, result: api.WriteResult{Status: api.StatusConflict, Version: 11}}
	t.Run("a condition that holds", func(t *testing.T) {
		require.NoError(t, try(written(t), replace, acked(api.StatusUpdated, 11)))
	})
	t.Run("a conflict that nobody caused", func(t *testing.T) { require.Error(t, try(written(t), replace, refusal)) })
	t.Run("a conflict that a doubtful write may have caused", func(t *testing.T) {
		k := written(t)
		require.NoError(t, try(k, attempt{serial: 3}, answer{}))
		require.NoError(t, try(k, replace, refusal))
	})
	t.Run("a version that is not new", func(t *testing.T) {
		require.Error(t, try(written(t), attempt{serial: 2}, acked(api.StatusUpdated, 10)))
	})
	t.Run("a create of what is there", func(t *testing.T) {
		require.Error(t, try(written(t), attempt{kind: kindCreate, serial: 2}, acked(api.StatusCreated, 11)))
	})
	t.Run("a delete that finds nothing", func(t *testing.T) {
		require.Error(t, try(written(t), attempt{kind: kindDelete, serial: 2}, acked(api.StatusNotFound, 0)))
	})
}

func TestKeyHits(t *testing.T) {
	later := func() time.Time { return time.Now().Add(time.Hour) }
	k := written(t)
	require.NoError(t, k.judgeHit(1, later(), 0))
	require.Error(t, k.judgeHit(2, later(), 0), "nobody wrote it")
	require.NoError(t, try(k, attempt{serial: 2}, acked(api.StatusUpdated, 11)))
	require.NoError(t, k.judgeHit(2, later(), 0))
	require.Error(t, k.judgeHit(1, later(), 0), "it was replaced")
	require.NoError(t, k.judgeHit(1, time.Now().Add(-time.Hour), 0), "it was replaced during the search")
	require.NoError(t, k.judgeHit(1, later(), 1), "another gateway need not know")
	require.NoError(t, try(k, attempt{kind: kindDelete, serial: 3}, acked(api.StatusDeleted, 12)))
	require.Error(t, k.judgeHit(2, later(), 0), "it was deleted")
}
