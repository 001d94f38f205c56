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

// sampleGroup has what entries of version 3 have more.
func sampleGroup() []api.Write {
	return []api.Write{
		{Kind: api.OpCreate, Doc: api.Document{ID: "p#0", Source: []byte("{}"), Vector: []float32{1, 2}, Generation: 3}},
		{Kind: api.OpTrim, Doc: api.Document{ID: "p"}, From: 7, Follows: true},
	}
}

// encodeAll makes an entry of one request.
func encodeAll(writes []api.Write) []byte {
	requests, err := cut(RequestID{1}, writes, false)
	if err != nil {
		panic(err)
	}
	return encodeWriteBatch(requests...)
}

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
		got, err := decodeOne(encodeAll(sampleWrites()), 3)
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
	t.Run("passages and generations are of version 3", func(t *testing.T) {
		data := encodeAll(sampleGroup())
		got, err := decodeOne(data, 3)
		require.NoError(t, err)
		require.Equal(t, sampleGroup(), got)
		_, err = decodeOne(data, 2)
		require.ErrorIs(t, err, ErrCommand)
	})
	t.Run("every truncation is an error", func(t *testing.T) {
		data := encodeAll(sampleWrites())
		for n := range data {
			_, err := decodeWriteBatch(data[:n], 3)
			require.ErrorIs(t, err, ErrCommand, "%d bytes", n)
		}
		_, err := decodeWriteBatch(append(data, 0), 3)
		require.ErrorIs(t, err, ErrCommand)
	})
}

func sampleVectorBatch() *vectorBatch {
	return &vectorBatch{
		Generation: 2, Epoch: 1, Checkpoint: 12,
		Vectors: []dense.Vector{{
			ID: "a", Version: 9, Slot: 4095, Digest: [16]byte{1, 15: 2}, Values: []float32{1, 2},
			Attributes: []api.Value{{Field: "lang", Strings: []string{"japanese, long"}}},
		}},
		Kept:    []dense.Vector{{ID: "k", Version: 11, Digest: [16]byte{7}}},
		Gone:    []dense.Key{{ID: "b", Version: 3}},
		Failed:  []Failure{{ID: "f", Version: 8, Reason: "too long"}},
		Cut:     []dense.Key{{ID: "a", Version: 9}},
		Settled: []againKey{{"c", 4}},
	}
}

func TestVectorBatchCodec(t *testing.T) {
	batch := sampleVectorBatch()
	data := encodeVectorBatch(batch)
	got, err := decodeVectorBatch(data, 2)
	require.NoError(t, err)
	require.Equal(t, batch, got)
	for n := range data {
		_, err := decodeVectorBatch(data[:n], 2)
		require.ErrorIs(t, err, ErrCommand, "%d bytes", n)
	}
	t.Run("the bytes of version 1 stay readable", func(t *testing.T) {
		data, err := hex.DecodeString(goldenVectorBatch)
		require.NoError(t, err)
		got, err := decodeVectorBatch(data, 1)
		require.NoError(t, err)
		require.Equal(t, &vectorBatch{Checkpoint: 12, Vectors: []dense.Vector{{
			ID: "a", Version: 9, Values: []float32{1, 2},
			Attributes: []api.Value{{Field: "lang", Strings: []string{"japanese, long"}}},
		}}}, got)
	})
	t.Run("so do failures", func(t *testing.T) {
		e := encoder{}
		e.failures([]Failure{{ID: "a", Version: 3, Reason: "too long"}})
		got, err := decodeFailures(e.buf)
		require.NoError(t, err)
		require.Equal(t, []Failure{{ID: "a", Version: 3, Reason: "too long"}}, got)
	})
}

func TestOutboxCodec(t *testing.T) {
	change := generationChange{generationBegin, 3, 384}
	gotChange, err := decodeGeneration(encodeGeneration(change))
	require.NoError(t, err)
	require.Equal(t, change, gotChange)
	_, err = decodeGeneration(encodeGeneration(generationChange{9, 3, 384}))
	require.ErrorIs(t, err, ErrCommand)

	move := &consumerMove{
		name: "feed.1", reset: true, epoch: 3, version: 9, deletes: 100, identity: "x", settled: []againKey{{"a", 4}},
	}
	data := encodeMove(move)
	gotMove, err := decodeMove(data)
	require.NoError(t, err)
	require.Equal(t, move, gotMove)
	for n := range data {
		_, err := decodeMove(data[:n])
		require.ErrorIs(t, err, ErrCommand)
	}

	ask := again{generation: 1, repair: true, ids: []string{"a", "b"}}
	gotAsk, err := decodeAgain(encodeAgain(ask))
	require.NoError(t, err)
	require.Equal(t, ask, gotAsk)
}

// sampleState has something of everything.
func sampleState() *state {
	s := newState()
	s.begin(0, 4, 0)
	s.begin(1, 8, 50)
	s.bury(tombstone{"old", 1, 2})
	s.move(&consumerMove{name: "feed.0", reset: true, epoch: 1, deletes: 2, identity: "x"})
	s.move(&consumerMove{name: catalogName, reset: true, epoch: 1, deletes: 2})
	s.bury(tombstone{"b", 5, 60})
	s.advance(sampleVectorBatch(), 61)
	g := s.find(1)
	g.fail(Failure{ID: "a", Version: 3, Reason: "too long"})
	g.cut["c"], g.again["d"] = 4, 61
	g.checkpoint, g.passed, g.epoch, g.dropped = 12, 14, 2, 3
	s.askAgain("feed.0", "z", 62)
	s.dense, s.unkept = 62, true
	return s
}

func TestState(t *testing.T) {
	s, requests := sampleState(), newRequestLog()
	requests.record(RequestID{1}, []sparse.Outcome{{Status: api.StatusCreated, Version: 1}})
	data := encodeState(s, requests)
	again, requestsAgain := newState(), newRequestLog()
	require.NoError(t, restoreState(data, again, requestsAgain, false))
	require.Equal(t, data, encodeState(again, requestsAgain))
	require.Equal(t, s.hash(), again.hash())
	require.Equal(t, s.generations, again.generations)
	require.Equal(t, s.consumers, again.consumers)

	t.Run("damage and newer versions are refused", func(t *testing.T) {
		for n := range data {
			require.Error(t, restoreState(data[:n:n], newState(), newRequestLog(), false), "%d bytes", n)
		}
		newer := append([]byte{9}, data[1:]...)
		require.ErrorIs(t, restoreState(newer, newState(), newRequestLog(), false), sparse.ErrNewerFormat)
	})
	t.Run("failures are bounded", func(t *testing.T) {
		g := newGenerationState(0, 4, 0)
		for i := range maxFailed + 5 {
			g.fail(Failure{ID: strings.Repeat("x", i+1), Version: 1})
		}
		require.Len(t, g.failed, maxFailed)
		require.Equal(t, uint64(5), g.dropped)
	})
}

// firstState is a state as versions 1 and 2 wrote it.
func firstState(version byte, checkpoint uint64) []byte {
	e := &encoder{}
	e.byte(version)
	e.uint(checkpoint)
	e.uint(2)
	e.failures([]Failure{{ID: "a", Version: 3, Reason: "too long"}})
	e.uint(1)
	e.str("deleted")
	e.uint(77)
	if version > 1 {
		e.uint(0)
	}
	return e.buf
}

func TestStateOfEarlierVersions(t *testing.T) {
	for version := byte(1); version <= 2; version++ {
		s := newState()
		s.begin(0, 4, 0)
		require.NoError(t, restoreState(firstState(version, 9), s, newRequestLog(), false))
		at, ok := s.embedded(0)
		require.True(t, ok)
		require.Equal(t, embedded{checkpoint: 9}, at)
		failures, _ := s.failures(0)
		require.Equal(t, Failures{List: []Failure{{ID: "a", Version: 3, Reason: "too long"}}, More: 2}, failures)
		require.False(t, s.isUnkept())
		nine := uint64(9)
		require.Equal(t, nine*0x9e3779b97f4a7c15, s.hash(), "replicas of both versions agree")
	}
	t.Run("whose vectors are in a server", func(t *testing.T) {
		s := newState()
		s.begin(0, 4, 0)
		require.NoError(t, restoreState(firstState(2, 9), s, newRequestLog(), true))
		require.True(t, s.isUnkept())
	})
}

func FuzzDecodeOutbox(f *testing.F) {
	f.Add(byte(0), encodeVectorBatch(sampleVectorBatch()))
	f.Add(byte(1), encodeGeneration(generationChange{1, 2, 3}))
	f.Add(byte(2), encodeMove(&consumerMove{name: "feed.0", settled: []againKey{{"a", 4}}}))
	f.Add(byte(3), encodeAgain(again{ids: []string{"a"}}))
	f.Add(byte(4), encodeState(sampleState(), newRequestLog()))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		var err error
		switch kind % 5 {
		case 0:
			var b *vectorBatch
			if b, err = decodeVectorBatch(data, 2); err == nil {
				_, err = decodeVectorBatch(encodeVectorBatch(b), 2)
				require.NoError(t, err)
			}
		case 1:
			_, err = decodeGeneration(data)
		case 2:
			_, err = decodeMove(data)
		case 3:
			_, err = decodeAgain(data)
		case 4:
			_ = restoreState(data, newState(), newRequestLog(), false)
			_, err = decodeVectorBatch(data, 1)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrCommand)
		}
	})
}

func FuzzDecodeWriteBatch(f *testing.F) {
	f.Add(encodeAll(sampleWrites()))
	f.Add(encodeAll(sampleGroup()))
	f.Fuzz(func(t *testing.T, data []byte) {
		for version := range uint16(4) {
			requests, err := decodeWriteBatch(data, version)
			if err != nil {
				require.ErrorIs(t, err, ErrCommand)
				continue
			}
			for _, r := range requests {
				for i := range r.writes {
					r.writes[i].Follows = r.writes[i].Follows && i > 0
				}
				again, err := decodeOne(encodeAll(r.writes), 3)
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
			if _, err := decodeWriteBatch(data, 3); err != nil {
				b.Fatal(err)
			}
		}
	})
}
