package replica

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

func sampleWrites() []api.Write {
	version := uint64(7)
	return []api.Write{
		{Kind: api.OpIndex, IfVersion: &version, Doc: api.Document{
			ID: "p1", Vector: []float32{0.5, -1, 2},
			Source: []byte(`{"lang":["ja","en"],"text":"a text that is \"long\"","title":"地震の早期警報","year":2024}`),
			Values: []api.Value{
				{Field: "lang", Strings: []string{"ja", "en"}},
				{Field: "ratio", Floats: []float64{0.25, -3}},
				{Field: "terms", Sparse: []api.SparseEntry{{Dim: 1, Weight: 0.5}, {Dim: 900, Weight: 2}}},
				{Field: "text", Strings: []string{`a text that is "long"`}},
				{Field: "title", Strings: []string{"地震の早期警報"}},
				{Field: "year", Ints: []int64{2024, -1}},
			},
		}},
		{Kind: api.OpDelete, Doc: api.Document{ID: "p2"}},
	}
}

// encodeAll makes an entry of one request.
func encodeAll(writes []api.Write) []byte { return encodeWriteBatch(cut(RequestID{1}, writes)...) }

// decodeOne reads an entry of one request.
func decodeOne(data []byte, version uint16) ([]api.Write, error) {
	requests, err := decodeWriteBatch(data, version)
	if err != nil || len(requests) != 1 {
		return nil, err
	}
	return requests[0].writes, nil
}

func TestWriteBatchCodec(t *testing.T) {
	t.Run("round trip", func(t *testing.T) {
		got, err := decodeOne(encodeAll(sampleWrites()), 2)
		require.NoError(t, err)
		require.Equal(t, sampleWrites(), got)
	})
	t.Run("text is not in the entry twice", func(t *testing.T) {
		text := strings.Repeat("words and words ", 100)
		encoded := encodeAll([]api.Write{put("a", text)})
		require.Less(t, len(encoded), len(text)+64)
	})
	t.Run("the bytes of version 1 stay readable", func(t *testing.T) {
		data, err := hex.DecodeString(goldenWriteBatch)
		require.NoError(t, err)
		got, err := decodeOne(data, 1)
		require.NoError(t, err)
		require.Equal(t, sampleWrites(), got)
	})
	t.Run("every truncation is an error", func(t *testing.T) {
		data := encodeAll(sampleWrites())
		for n := range data {
			_, err := decodeWriteBatch(data[:n], 2)
			require.ErrorIs(t, err, ErrCommand, "%d bytes", n)
		}
		_, err := decodeWriteBatch(append(data, 0), 2)
		require.ErrorIs(t, err, ErrCommand)
	})
}

func TestVectorBatchCodec(t *testing.T) {
	batch := &vectorBatch{
		Checkpoint: 12,
		Vectors: []dense.Vector{{
			ID: "a", Version: 9, Values: []float32{1, 2},
			Attributes: []api.Value{{Field: "lang", Strings: []string{"japanese, long"}}},
		}},
		Embedded: []sparse.Key{{ID: "b", Version: 3}},
		Deleted:  []sparse.Key{{ID: "c", Version: 4}},
	}
	data := encodeVectorBatch(batch)
	got, err := decodeVectorBatch(data)
	require.NoError(t, err)
	require.Equal(t, batch, got)
	for n := range data {
		_, err := decodeVectorBatch(data[:n])
		require.ErrorIs(t, err, ErrCommand, "%d bytes", n)
	}
}

func TestFailureCodec(t *testing.T) {
	failures := []Failure{{ID: "a", Version: 3, Reason: "too long"}}
	got, err := decodeFailures(encodeFailures(failures))
	require.NoError(t, err)
	require.Equal(t, failures, got)
}

func TestDenseState(t *testing.T) {
	s := newDenseState()
	s.fail([]Failure{{ID: "a", Version: 3, Reason: "too long"}, {ID: "b", Version: 4, Reason: "empty"}})
	s.written([]api.Write{remove("b"), remove("c")},
		[]sparse.Outcome{{Status: api.StatusDeleted, Version: 5}, {Status: api.StatusNotFound}}, true, 77)
	s.advance(&vectorBatch{Checkpoint: 9})
	requests := newRequestLog()
	requests.record(RequestID{1}, []sparse.Outcome{{Status: api.StatusCreated, Version: 1}})
	again, requestsAgain := newDenseState(), newRequestLog()
	require.NoError(t, restoreState(encodeState(s, requests), again, requestsAgain))
	require.Equal(t, encodeState(s, requests), encodeState(again, requestsAgain))
	failures, dropped := again.failures()
	require.Equal(t, []Failure{{ID: "a", Version: 3, Reason: "too long"}}, failures)
	require.Zero(t, dropped)
	require.Equal(t, []sparse.Key{{ID: "b", Version: 77}}, again.pendingDeletes(10))

	t.Run("damage and newer versions are refused", func(t *testing.T) {
		data := encodeState(s, requests)
		for n := range data {
			require.Error(t, restoreState(data[:n:n], newDenseState(), newRequestLog()), "%d bytes", n)
		}
		data[0] = 9
		require.ErrorIs(t, restoreState(data, newDenseState(), newRequestLog()), sparse.ErrNewerFormat)
	})
	t.Run("a state without requests is read", func(t *testing.T) {
		e := &encoder{}
		e.byte(1)
		s.encode(e)
		again, none := newDenseState(), newRequestLog()
		require.NoError(t, restoreState(e.buf, again, none))
		require.Equal(t, encodeState(s, none), encodeState(again, none))
	})
	t.Run("failures are bounded", func(t *testing.T) {
		s := newDenseState()
		for i := range maxFailed + 5 {
			s.fail([]Failure{{ID: strings.Repeat("x", i+1), Version: 1}})
		}
		failures, dropped := s.failures()
		require.Len(t, failures, maxFailed)
		require.Equal(t, uint64(5), dropped)
	})
}

func FuzzDecodeWriteBatch(f *testing.F) {
	f.Add(encodeAll(sampleWrites()))
	f.Fuzz(func(t *testing.T, data []byte) {
		for version := range uint16(3) {
			requests, err := decodeWriteBatch(data, version)
			if err != nil {
				require.ErrorIs(t, err, ErrCommand)
				continue
			}
			for _, r := range requests {
				again, err := decodeOne(encodeAll(r.writes), 2)
				require.NoError(t, err)
				require.Len(t, again, len(r.writes))
			}
		}
	})
}

func BenchmarkWriteBatchCodec(b *testing.B) {
	writes := make([]api.Write, 100)
	for i := range writes {
		writes[i] = put("a", strings.Repeat("some words of a text ", 60))
	}
	data := encodeAll(writes)
	b.SetBytes(int64(len(data)))
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeAll(writes)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeWriteBatch(data, 2); err != nil {
				b.Fatal(err)
			}
		}
	})
}
