package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/sparse"
)

func TestRepeatedRequests(t *testing.T) {
	create := func(id, text string) api.Write {
		w := put(id, text)
		w.Kind = api.OpCreate
		return w
	}
	t.Run("get the first one's results and write nothing", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		id := RequestID{7}
		writes := []api.Write{create("a", "first"), put("b", "other")}
		first, at, err := r.Write(testContext(t), id, writes)
		require.NoError(t, err)
		require.Equal(t, api.StatusCreated, first[0].Status)
		mustWrite(t, r, put("b", "newer"))
		again, later, err := r.Write(testContext(t), id, writes)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Greater(t, later, at)
		require.Equal(t, []string{"b"}, find(t, r, "newer"), "the repetition has not overwritten what came after it")
	})
	t.Run("are known after a restart, their results are not", func(t *testing.T) {
		cfg := testConfig(t.TempDir(), textSchema())
		r := openReplica(t, cfg)
		id := RequestID{7}
		_, _, err := r.Write(testContext(t), id, []api.Write{create("a", "first")})
		require.NoError(t, err)
		_, err = r.machine.Persist(testContext(t))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		r = openReplica(t, cfg)
		defer func() { require.NoError(t, r.Close()) }()
		_, _, err = r.Write(testContext(t), id, []api.Write{create("a", "first")})
		require.ErrorIs(t, err, ErrRepeated)
		require.ErrorIs(t, err, api.ErrUnknownOutcome)
	})
	t.Run("of several entries are told apart by piece", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		writes := make([]api.Write, maxEntryWrites+3)
		for i := range writes {
			writes[i] = create("same", "text")
		}
		first, _, err := r.Write(testContext(t), RequestID{9}, writes)
		require.NoError(t, err)
		require.Equal(t, api.StatusCreated, first[0].Status)
		require.Equal(t, api.StatusConflict, first[maxEntryWrites].Status)
		again, _, err := r.Write(testContext(t), RequestID{9}, writes)
		require.NoError(t, err)
		require.Equal(t, first, again)
	})
}

func TestRequestLog(t *testing.T) {
	outcomes := func(n int) []sparse.Outcome { return make([]sparse.Outcome, n) }
	name := func(n int) RequestID { return RequestID{1}.part(n) }
	t.Run("keeps the last requests", func(t *testing.T) {
		l := newRequestLog()
		for i := range maxRequests + 5 {
			l.record(name(i), outcomes(1))
		}
		_, known := l.find(name(4))
		require.False(t, known)
		got, known := l.find(name(5))
		require.True(t, known)
		require.Len(t, got, 1)
		require.Len(t, l.outcomes, maxRequests)
	})
	t.Run("bounds what it keeps of their results", func(t *testing.T) {
		l := newRequestLog()
		l.record(name(0), outcomes(10))
		l.record(name(1), outcomes(maxOutcomes))
		got, known := l.find(name(0))
		require.True(t, known)
		require.Nil(t, got)
		require.Equal(t, maxOutcomes, l.kept)
	})
	t.Run("ignores requests without a name", func(t *testing.T) {
		l := newRequestLog()
		l.record(RequestID{}, outcomes(1))
		_, known := l.find(RequestID{})
		require.False(t, known)
	})
}

func TestAwaitIndex(t *testing.T) {
	r := openReplica(t, testConfig(t.TempDir(), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	_, at, err := r.Write(testContext(t), RequestID{1}, []api.Write{put("a", "text")})
	require.NoError(t, err)
	require.NoError(t, r.AwaitIndex(testContext(t), at))
	require.NoError(t, r.AwaitIndex(testContext(t), at+1000), "the leader has all there is: that index is of a lost log")
}
