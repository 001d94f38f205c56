package sparse

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

func put(id, title string) api.Write {
	return api.Write{Kind: api.OpIndex, Doc: api.Document{
		ID: id, Source: []byte(`{"title":"` + title + `"}`),
		Values: []api.Value{{Field: "title", Strings: []string{title}}},
	}}
}

func openTest(t *testing.T, cfg Config) *Index {
	t.Helper()
	x, err := Open(cfg)
	require.NoError(t, err)
	return x
}

func apply(t *testing.T, x *Index, index uint64, writes ...api.Write) []Outcome {
	t.Helper()
	out, err := x.Apply(Batch{Index: index, Writes: writes})
	require.NoError(t, err)
	return out
}

func titles(t *testing.T, x *Index, text string) []string {
	t.Helper()
	s := x.Snapshot()
	defer s.Release()
	top, err := s.Search(context.Background(), Request{Query: &api.Match{Text: text, Boost: 1}, K: 100})
	require.NoError(t, err)
	ids := make([]string, 0, len(top.Hits))
	for _, h := range top.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func flush(t *testing.T, x *Index) {
	t.Helper()
	_, err := x.Flush(context.Background())
	require.NoError(t, err)
}

func TestBatchBelowAppliedIndexChangesNothing(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	apply(t, x, 7, put("a", "ant"))
	hash := x.Hash()
	require.Nil(t, apply(t, x, 7, put("a", "bee"), put("b", "cat")))
	require.Equal(t, hash, x.Hash())
	require.Equal(t, uint64(7), x.AppliedIndex())
}

func TestOnlyWhatFollowsTheDurableIndexIsLost(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	state := []byte("first")
	cfg.State = func() []byte { return state }
	x := openTest(t, cfg)
	apply(t, x, 1, put("a", "ant"), put("b", "ant bee"))
	flush(t, x)
	state = []byte("second")
	apply(t, x, 2, put("c", "ant"), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "a"}})
	require.Equal(t, uint64(1), x.DurableIndex())
	require.NoError(t, x.Close())

	x = openTest(t, cfg)
	require.Equal(t, uint64(1), x.AppliedIndex())
	require.Equal(t, []byte("first"), x.RecoveredState())
	require.ElementsMatch(t, []string{"a", "b"}, titles(t, x, "ant"))
	apply(t, x, 2, put("c", "ant"), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "a"}})
	require.ElementsMatch(t, []string{"b", "c"}, titles(t, x, "ant"))
	flush(t, x)
	require.NoError(t, x.Close())

	x = openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	require.Equal(t, []byte("second"), x.RecoveredState())
	require.ElementsMatch(t, []string{"b", "c"}, titles(t, x, "ant"))
}

func TestReplayAfterDeletionsInOlderSegments(t *testing.T) {
	// A conditional replacement that was applied after the last flush must succeed again on replay: the
	// manifest's deletions are those of its applied index, not later ones.
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	version := apply(t, x, 1, put("a", "ant"))[0].Version
	flush(t, x)
	replace := put("a", "bee")
	replace.IfVersion = &version
	want := apply(t, x, 2, replace)
	require.Equal(t, api.StatusUpdated, want[0].Status)
	require.NoError(t, x.Close())
	x = openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	require.Equal(t, want, apply(t, x, 2, replace))
	require.Empty(t, titles(t, x, "ant"))
}

func TestMergesKeepAnswersAndRemoveFiles(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	for i := range uint64(40) {
		apply(t, x, i+1, put(fmt.Sprintf("d%02d", i), "ant"), put(fmt.Sprintf("d%02d", i/2), "ant bee"))
		flush(t, x)
	}
	before := titles(t, x, "ant bee")
	require.Len(t, before, 40)
	require.NoError(t, x.Close())
	x = openTest(t, cfg)
	require.Equal(t, before, titles(t, x, "ant bee"))
	require.NoError(t, x.mergeAll(x.work))
	require.Equal(t, before, titles(t, x, "ant bee"))
	require.NoError(t, x.Close())
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*"+segmentSuffix))
	require.NoError(t, err)
	require.Less(t, len(files), 16)
}

func TestSearchesDuringWritesFlushesAndMerges(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	cfg.FlushBytes = 4000
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := x.Snapshot()
				stats, err := s.Statistics([]TermKey{{"title", "ant"}, {"title", "bee"}})
				if err != nil || stats.Fields["title"].Docs != uint64(s.Len()) {
					panic(fmt.Sprintf("%v of %d, %v", stats, s.Len(), err))
				}
				req := Request{Query: &api.Match{Text: "ant", Boost: 1}, K: 5, Stats: &stats}
				top, err := s.Search(context.Background(), req)
				if err != nil || top.Total != s.Len() {
					panic(fmt.Sprintf("total %d of %d, %v", top.Total, s.Len(), err))
				}
				s.Release()
			}
		})
	}
	for i := range uint64(600) {
		apply(t, x, i+1, put(fmt.Sprintf("d%d", i%50), "ant"))
	}
	close(stop)
	readers.Wait()
}

func TestSecondOpenIsRefused(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	_, err := Open(cfg)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.ErrorContains(t, err, cfg.Dir)
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	apply(t, x, 1, put("a", "ant"))
	flush(t, x)
	require.NoError(t, x.Close())
	cfg.Schema = testSchema(1.2, 0.5)
	_, err := Open(cfg)
	require.ErrorIs(t, err, ErrSchema)
}

func TestDamagedFilesAreRefusedByName(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	apply(t, x, 1, put("a", "ant"), put("b", "bee"))
	flush(t, x)
	require.NoError(t, x.Close())
	damage := func(name string, change func([]byte) []byte) error {
		path := filepath.Join(cfg.Dir, name)
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(append([]byte(nil), good...)), 0o600))
		defer func() { require.NoError(t, os.WriteFile(path, good, 0o600)) }()
		_, err = Open(cfg)
		require.ErrorContains(t, err, name)
		return err
	}
	for _, name := range []string{segmentName(1), manifestName} {
		corrupt := segment.ErrCorrupt
		if name == manifestName {
			corrupt = ErrCorrupt
		}
		t.Run("truncated "+name, func(t *testing.T) {
			require.ErrorIs(t, damage(name, func(b []byte) []byte { return b[:len(b)-3] }), corrupt)
		})
		t.Run("one bit flipped "+name, func(t *testing.T) {
			require.ErrorIs(t, damage(name, func(b []byte) []byte { b[len(b)/2] ^= 4; return b }), corrupt)
		})
		t.Run("another version "+name, func(t *testing.T) {
			require.ErrorIs(t, damage(name, func(b []byte) []byte { b[8] = 99; return b }), corrupt)
		})
		t.Run("empty "+name, func(t *testing.T) {
			require.ErrorIs(t, damage(name, func(b []byte) []byte { return nil }), corrupt)
		})
	}
	t.Run("newer "+manifestName, func(t *testing.T) {
		require.ErrorIs(t, damage(manifestName, func(b []byte) []byte {
			b[8] = 99
			binary.LittleEndian.PutUint32(b[16:], laterChecksum(b))
			return b
		}), ErrNewerFormat)
	})
	x = openTest(t, cfg)
	require.Equal(t, []string{"a"}, titles(t, x, "ant"))
	require.NoError(t, x.Close())
}

func TestBadQueries(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	s := x.Snapshot()
	defer s.Release()
	vocabulary := testVocabulary(t, testSchema(1.2, 0.75))
	deep := api.Query(&api.MatchAll{Boost: 1})
	for range 30 {
		deep = &api.Bool{Must: []api.Query{deep}, Boost: 1}
	}
	many := &api.Terms{Field: "tag", Values: make([]api.Scalar, api.MaxQueryTerms+1)}
	for name, q := range map[string]api.Query{
		"unknown field":     &api.Term{Field: "nothing"},
		"match on keyword":  &api.Match{Fields: []api.FieldBoost{{Field: "tag"}}, Text: "x"},
		"range on text":     &api.Range{Field: "title"},
		"vector on keyword": &api.SparseVector{Field: "tag"},
		"nested too deep":   deep,
		"too many terms":    many,
		"nil clause":        &api.Bool{Must: []api.Query{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Search(context.Background(), Request{Query: q, K: 1})
			require.ErrorIs(t, err, ErrQuery)
			_, err = vocabulary.Terms(q)
			require.ErrorIs(t, err, ErrQuery)
		})
	}
	_, err := s.Search(context.Background(), Request{K: -1})
	require.ErrorIs(t, err, ErrQuery)
}
