package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
)

// fakeStores are the stores of an index of two shards: documents with the letters a to m at first are of the first.
type fakeStores struct {
	documents map[string]replica.KeyState
	// now are documents that changed after they were listed, by their present version.
	now      map[string]uint64
	milvus   []dense.Key
	catalog  []catalog.Key
	repaired []string
	rewound  []string
	fail     error
}

type fakeVerified struct {
	*fakeStores
	ordinal int
}

func (s *fakeStores) owner(id string) int {
	if id[0] < 'n' {
		return 0
	}
	return 1
}

func (s fakeVerified) id() string            { return fmt.Sprint("s-", s.ordinal) }
func (s fakeVerified) slots() (from, to int) { return s.ordinal, s.ordinal + 1 }

func (s fakeVerified) listKeys(_ context.Context, after string, limit int) (keys []replica.KeyState, err error) {
	for id, k := range s.documents {
		if s.owner(id) == s.ordinal && id > after {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b replica.KeyState) int { return strings.Compare(a.ID, b.ID) })
	return keys[:min(limit, len(keys))], s.fail
}

func (s fakeVerified) current(_ context.Context, ids []string, _ int) ([]uint64, error) {
	out := make([]uint64, len(ids))
	for i, id := range ids {
		if s.owner(id) != s.ordinal {
			return nil, fmt.Errorf("%s is not of shard %d", id, s.ordinal)
		}
		out[i] = s.documents[id].Version
		if v, ok := s.now[id]; ok {
			out[i] = v
		}
	}
	return out, nil
}

func (s fakeVerified) repair(_ context.Context, generation int, ids []string) error {
	for _, id := range ids {
		s.repaired = append(s.repaired, fmt.Sprintf("%d %s", generation, id))
	}
	return nil
}

func (s *fakeStores) Scan(_ context.Context, from, to int, visit func(dense.Key) error) error {
	for _, k := range s.milvus {
		if owner := s.owner(k.ID); owner >= from && owner < to {
			if err := visit(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *fakeStores) Keys(_ context.Context, _, after string, limit int) (keys []catalog.Key, err error) {
	for _, k := range s.catalog {
		if k.ID > after {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b catalog.Key) int { return strings.Compare(a.ID, b.ID) })
	return keys[:min(limit, len(keys))], nil
}

func (s *fakeStores) Rewind(_ context.Context, shard string) error {
	s.rewound = append(s.rewound, shard)
	return nil
}

// add adds a document that all stores agree on.
func (s *fakeStores) add(id string, version uint64) {
	s.documents[id] = replica.KeyState{
		ID: id, Version: version, Vectors: []replica.VectorState{{Generation: 3, Version: version}},
	}
	s.milvus = append(s.milvus, dense.Key{ID: id, Version: version})
	s.catalog = append(s.catalog, catalog.Key{ID: id, Version: version, State: catalog.StateEmbedded})
}

// drop takes a document's vectors out of Milvus.
func (s *fakeStores) drop(id string) {
	s.milvus = slices.DeleteFunc(s.milvus, func(k dense.Key) bool { return k.ID == id })
}

func newStores(ids ...string) *fakeStores {
	s := &fakeStores{documents: map[string]replica.KeyState{}, now: map[string]uint64{}}
	for i, id := range ids {
		s.add(id, uint64(10+i))
	}
	return s
}

func (s *fakeStores) verifier(repair bool) *verifier {
	v := &verifier{
		owner: s.owner, catalog: s, repair: repair, progress: func(int) {},
		generations: []verifiedGeneration{{3, s}},
	}
	// The fakes share what they note.
	for i := range 2 {
		v.shards = append(v.shards, fakeVerified{s, i})
	}
	return v
}

// different gives the differences as "kind: ids".
func (s *fakeStores) different(t require.TestingT, repair bool) []string {
	report, err := s.verifier(repair).run(context.Background())
	require.NoError(t, err)
	out := []string{}
	for _, d := range report.Differences {
		out = append(out, d.Kind+": "+strings.Join(d.IDs, " "))
	}
	return out
}

func TestVerify(t *testing.T) {
	t.Run("stores that agree", func(t *testing.T) {
		s := newStores("a", "b", "p", "q")
		s.add("failed", 9)
		s.documents["failed"] = replica.KeyState{ID: "failed", Version: 9, Vectors: []replica.VectorState{
			{Generation: 3, Failed: "too long"},
		}}
		s.catalog[4].State = catalog.StateFailed
		s.drop("failed")
		s.documents["empty"] = replica.KeyState{ID: "empty", Version: 8, Vectors: []replica.VectorState{
			{Generation: 3, NoText: true},
		}}
		s.catalog = append(s.catalog, catalog.Key{ID: "empty", Version: 8, State: catalog.StateIndexed})
		report, err := s.verifier(true).run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Differences)
		require.NotNil(t, report.Differences)
		require.Equal(t, 6, report.Documents)
		require.Equal(t, 1, report.Failed)
		require.Equal(t, []string{"milvus", "catalog"}, report.Stores)
		require.Empty(t, s.repaired)
		require.Empty(t, s.rewound)
	})
	t.Run("each way to differ, and its repair", func(t *testing.T) {
		s := newStores("a", "b", "c", "d", "p", "q")
		s.drop("a")
		s.milvus[0].Version = 1 // b
		s.milvus = append(s.milvus, dense.Key{ID: "z", Version: 4}, dense.Key{ID: "z", Version: 5})
		s.documents["w"] = replica.KeyState{ID: "w", Version: 7}
		s.catalog[2].State = catalog.StateIndexed               // c
		s.catalog[3].Version = 1                                // d
		s.catalog = slices.Delete(s.catalog, 4, 5)              // p
		s.catalog = append(s.catalog, catalog.Key{ID: "extra"}) // not there
		require.Equal(t, []string{
			"catalog_extra: extra", "catalog_missing: p w", "catalog_stale: d", "catalog_state: c", "milvus_extra: z",
			"milvus_missing: a", "milvus_stale: b", "vector_waiting: w",
		}, s.different(t, false))
		require.Empty(t, s.repaired)
		require.Empty(t, s.rewound)
		s.different(t, true)
		require.Equal(t, []string{"3 a", "3 b", "3 z"}, s.repaired)
		require.Equal(t, []string{"s-0", "s-1"}, s.rewound)
	})
	t.Run("a vector of a document that can't have one is extra", func(t *testing.T) {
		s := newStores("a")
		s.documents["a"] = replica.KeyState{ID: "a", Version: 10, Vectors: []replica.VectorState{
			{Generation: 3, Failed: "too long"},
		}}
		require.Contains(t, s.different(t, false), "milvus_extra: a")
	})
	t.Run("one that could be embedded after all", func(t *testing.T) {
		s := newStores("a")
		s.documents["a"].Vectors[0].Failed = "before"
		require.Empty(t, s.different(t, false))
	})
	t.Run("an older vector stands in while the new one is made", func(t *testing.T) {
		s := newStores("a")
		s.documents["a"] = replica.KeyState{ID: "a", Version: 20, Vectors: []replica.VectorState{
			{Generation: 3, Version: 10},
		}}
		s.catalog[0] = catalog.Key{ID: "a", Version: 20, State: catalog.StateIndexed}
		require.Equal(t, []string{"vector_waiting: a"}, s.different(t, false))
	})
	t.Run("older versions beside the present one are none", func(t *testing.T) {
		s := newStores("a")
		s.milvus = append(s.milvus, dense.Key{ID: "a", Version: 2})
		require.Empty(t, s.different(t, false))
	})
	t.Run("what changes meanwhile is left out", func(t *testing.T) {
		s := newStores("a", "b")
		s.drop("a")
		s.now["a"] = 50
		s.milvus = append(s.milvus, dense.Key{ID: "new", Version: 51})
		s.catalog = append(s.catalog, catalog.Key{ID: "newer", Version: 52})
		s.now["new"], s.now["newer"] = 51, 52
		require.Empty(t, s.different(t, false))
	})
	t.Run("the first ids are named, all are counted", func(t *testing.T) {
		s := newStores()
		for i := range 2*verifyBatch + 7 {
			s.add(fmt.Sprintf("a%04d", i), 5)
		}
		s.milvus = nil
		v := s.verifier(true)
		done := 0
		v.progress = func(n int) { done += n }
		report, err := v.run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Differences, 1)
		require.Equal(t, 2*verifyBatch+7, report.Differences[0].Count)
		require.Len(t, report.Differences[0].IDs, api.MaxDifferenceIDs)
		require.Equal(t, 3, *report.Differences[0].Generation)
		require.Len(t, s.repaired, 2*verifyBatch+7)
		require.Equal(t, 2*verifyBatch+7, done)
	})
	t.Run("without Milvus and catalog only what waits differs", func(t *testing.T) {
		s := newStores("a")
		s.documents["w"] = replica.KeyState{ID: "w", Version: 7}
		v := s.verifier(false)
		v.catalog, v.generations[0].vectors = nil, nil
		report, err := v.run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Differences, 1)
		require.Equal(t, api.DifferenceWaiting, report.Differences[0].Kind)
		require.Empty(t, report.Stores)
	})
	t.Run("a shard that does not answer", func(t *testing.T) {
		s := newStores("a")
		s.fail = errors.New("away")
		_, err := s.verifier(false).run(t.Context())
		require.ErrorContains(t, err, "shard s-0: away")
	})
}

func TestVerifyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStores()
		want := map[string][]string{}
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 0, 60, rapid.ID[string]).Draw(t, "ids")
		slices.Sort(ids)
		for i, id := range ids {
			s.add(id, uint64(i+2))
			last := len(s.milvus) - 1
			switch rapid.IntRange(0, 7).Draw(t, "how") {
			case 0:
				s.drop(id)
				want["milvus_missing"] = append(want["milvus_missing"], id)
			case 1:
				s.milvus[last].Version--
				want["milvus_stale"] = append(want["milvus_stale"], id)
			case 2:
				delete(s.documents, id)
				want["milvus_extra"] = append(want["milvus_extra"], id)
				want["catalog_extra"] = append(want["catalog_extra"], id)
			case 3:
				s.catalog = s.catalog[:len(s.catalog)-1]
				want["catalog_missing"] = append(want["catalog_missing"], id)
			case 4:
				s.catalog[len(s.catalog)-1].State = catalog.StateFailed
				want["catalog_state"] = append(want["catalog_state"], id)
			}
		}
		expected := []string{}
		for kind, ids := range want {
			expected = append(expected, kind+": "+strings.Join(ids, " "))
		}
		slices.Sort(expected)
		got := s.different(t, false)
		for i := range got {
			kind, list, _ := strings.Cut(got[i], ": ")
			named := strings.Fields(list)
			slices.Sort(named)
			got[i] = kind + ": " + strings.Join(named, " ")
		}
		require.Equal(t, expected, got)
	})
}
