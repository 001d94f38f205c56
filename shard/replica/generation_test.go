package replica

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
)

// wideEmbedder is another model: what scriptedEmbedder gives, and one dimension more.
type wideEmbedder struct{ scriptedEmbedder }

func (e *wideEmbedder) Embed(ctx context.Context, k embedclient.Kind, texts []string) ([][]float32, error) {
	vs, err := e.scriptedEmbedder.Embed(ctx, k, texts)
	for i := range vs {
		vs[i] = append(vs[i], 0.25)
	}
	return vs, err
}

// twoModels serves both.
func twoModels(old, new embedclient.Embedder) func(string) (embedclient.Embedder, error) {
	return func(model string) (embedclient.Embedder, error) {
		switch model {
		case "":
			return old, nil
		case "wide":
			return new, nil
		}
		return nil, fmt.Errorf("no service has the model %q", model)
	}
}

func wide() *api.DenseConfig {
	return &api.DenseConfig{Dims: 5, Fields: []string{"text"}, Model: "wide", Generation: 1}
}

func awaitGeneration(t *testing.T, r *Replica, generation, vectors int) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, err := r.DenseStatus(testContext(t))
		require.NoError(t, err)
		for _, s := range all {
			if s.Generation == generation {
				return s.Vectors == vectors && s.WaitEmbed == 0 && s.WaitFeed == 0
			}
		}
		return false
	}, testTimeout, time.Millisecond)
}

func TestChangeOfModel(t *testing.T) {
	for _, fed := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a collection: %v", fed), func(t *testing.T) {
			cfg := testConfig(t.TempDir(), denseSchema())
			cfg.Embedder = twoModels(&scriptedEmbedder{}, &wideEmbedder{})
			collections := []*fakeCollection{newFakeCollection(), newFakeCollection()}
			if fed {
				cfg.Collection = func(ctx context.Context, c api.DenseConfig) (dense.Collection, func(), error) {
					return collections[c.Generation].give(ctx, c)
				}
			}
			changeModel(t, cfg, collections)
		})
	}
}

func changeModel(t *testing.T, cfg Config, collections []*fakeCollection) {
	r := openReplica(t, cfg)
	old := cfg.Schema.Dense
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east"), put("c", "")))
	position := r.Position()
	r.Want(Wanted{Dense: old, Next: wide()})
	awaitGeneration(t, r, 1, 2)
	require.Greater(t, r.Position().Dense, position.Dense)
	if cfg.Collection != nil {
		require.Equal(t, collections[0].snapshot(), collections[1].snapshot())
	} else {
		require.Equal(t, []string{"a"}, nearest(t, r, "north", 1, nil), "the old one is searched meanwhile")
	}
	waitDense(t, r, mustWrite(t, r, put("d", "south")))
	awaitGeneration(t, r, 1, 3)

	// The switch, and a restart as it is told to who was away.
	require.NoError(t, r.Close())
	cfg.Schema.Dense, cfg.Wanted = wide(), Wanted{Retired: []int{0}}
	r = openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	awaitGeneration(t, r, 1, 3)
	require.Eventually(t, func() bool { return len(r.state.numbers()) == 1 }, testTimeout, time.Millisecond)
	_, err := r.DenseFailures(0)
	require.ErrorIs(t, err, ErrNoGeneration)
	_, err = r.Current(testContext(t), []string{"a"}, 0)
	require.ErrorIs(t, err, ErrNoGeneration)
	dir := filepath.Join(cfg.Dir, denseDir)
	require.Eventually(t, func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) }, testTimeout, time.Millisecond)
	if cfg.Collection == nil {
		_, err := r.SearchDense(testContext(t), DenseRequest{Vector: direction("north"), K: 1})
		require.ErrorIs(t, err, ErrNoGeneration)
		res, err := r.SearchDense(testContext(t), DenseRequest{
			Generation: 1, Vector: append(direction("south"), 0.25), K: 1,
		})
		require.NoError(t, err)
		require.Equal(t, "d", res.Hits[0].ID)
	}
	waitDense(t, r, mustWrite(t, r, put("e", "west")))
	awaitGeneration(t, r, 1, 4)
}

func TestGenerationsSurvive(t *testing.T) {
	cfg := testConfig(t.TempDir(), denseSchema())
	cfg.Embedder = twoModels(&scriptedEmbedder{}, &wideEmbedder{})
	r := openReplica(t, cfg)
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east")))
	_, err := r.machine.Persist(testContext(t))
	require.NoError(t, err)
	r.Want(Wanted{Dense: cfg.Schema.Dense, Next: wide()})
	awaitGeneration(t, r, 1, 2)
	hash := r.machine.Hash()

	t.Run("a restart that must begin them again", func(t *testing.T) {
		// The vectors of the second one are on disk, ahead of the manifest.
		require.NoError(t, r.vectors.flush(testContext(t)))
		require.NoError(t, r.Close())
		cfg.Wanted = Wanted{Next: wide()}
		r = openReplica(t, cfg)
		require.Equal(t, hash, r.machine.Hash())
		awaitGeneration(t, r, 1, 2)
	})
	t.Run("a checkpoint has all", func(t *testing.T) {
		_, err := r.machine.Persist(testContext(t))
		require.NoError(t, err)
		dir := filepath.Join(t.TempDir(), "copy")
		at, err := r.Checkpoint(testContext(t), dir)
		require.NoError(t, err)
		require.Equal(t, r.machine.Hash(), hash)
		require.Positive(t, at)
		for _, generation := range []int{0, 1} {
			dims := 4 + generation
			s, err := r.openStore(filepath.Join(dir, storeName(generation)), dims)
			require.NoError(t, err)
			n, err := s.Count(testContext(t))
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.NoError(t, s.Close())
		}
	})
	t.Run("one that was given up goes, and its place can be taken", func(t *testing.T) {
		r.Want(Wanted{Dense: cfg.Schema.Dense, Retired: []int{1}})
		dir := filepath.Join(cfg.Dir, storeName(1))
		require.Eventually(t, func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) }, testTimeout,
			time.Millisecond)
		next := wide()
		next.Generation = 2
		r.Want(Wanted{Dense: cfg.Schema.Dense, Next: next, Retired: []int{1}})
		awaitGeneration(t, r, 2, 2)
	})
	require.NoError(t, r.Close())
}

func TestMixedNodes(t *testing.T) {
	cfg := testConfig(t.TempDir(), denseSchema())
	cfg.Embedder, cfg.Wanted.Mixed = serve(&scriptedEmbedder{}), true
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	brought := put("b", "no direction")
	brought.Doc.Vector = direction("south")
	results := mustWrite(t, r, put("a", "north"), brought)
	require.Eventually(t, func() bool { return r.DenseTrouble() != "" }, testTimeout, time.Millisecond)
	require.Equal(t, 2, r.DenseLag())
	_, err := write(testContext(t), r, api.Write{Kind: api.OpTrim, Doc: api.Document{ID: "p"}})
	require.ErrorIs(t, err, ErrWrite)
	require.ErrorIs(t, r.RepairDense(testContext(t), 0, []string{"a"}), api.ErrUnavailable)

	r.Want(Wanted{Dense: cfg.Schema.Dense})
	waitDense(t, r, results)
	require.Equal(t, []string{"b"}, nearest(t, r, "south", 1, nil), "its vector was left with the document")
}

func TestBroughtVectors(t *testing.T) {
	e := &scriptedEmbedder{fail: func([]string) error { return embedclient.ErrUnavailable }}
	cfg := testConfig(t.TempDir(), denseSchema())
	cfg.Embedder = serve(e)
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	with := func(id string, generation int, v []float32) api.Write {
		w := put(id, "some text")
		w.Doc.Vector, w.Doc.Generation = v, generation
		return w
	}
	t.Run("are found at once, also while the service is away", func(t *testing.T) {
		mustWrite(t, r, put("before", "north"), with("s", 0, direction("south")))
		require.Equal(t, []string{"s"}, nearest(t, r, "south", 1, nil))
		stored, err := r.Fetch(testContext(t), []string{"s"})
		require.NoError(t, err)
		require.Nil(t, stored[0].Vector, "it is kept once")
	})
	t.Run("for a generation that is not there are an error of their own", func(t *testing.T) {
		follows := put("y", "east")
		follows.Follows = true
		got := mustWrite(t, r, put("w", "east"), with("x", 7, direction("south")), follows, put("z", "east"))
		require.Equal(t, api.StatusCreated, got[0].Status)
		require.Equal(t, api.StatusError, got[1].Status)
		require.Contains(t, got[1].Error.Detail, "generation 7")
		require.Equal(t, api.StatusError, got[2].Status, "it belongs to the one before it")
		require.Equal(t, api.StatusCreated, got[3].Status)
		require.Equal(t, []string{"w", "z"}, find(t, r, "east"))
	})
	t.Run("of other dimensions are refused", func(t *testing.T) {
		_, err := write(testContext(t), r, with("x", 0, []float32{1, 2}))
		require.ErrorIs(t, err, dense.ErrDimension)
		require.ErrorIs(t, err, ErrWrite)
	})
	t.Run("of a document that is deleted in the same entry are not kept", func(t *testing.T) {
		mustWrite(t, r, with("gone", 0, direction("west")), remove("gone"))
		require.NotContains(t, nearest(t, r, "west", 10, nil), "gone")
		_, _, ok := r.vectors.find(0).Stat("gone")
		require.False(t, ok)
	})
	t.Run("come back by the log", func(t *testing.T) {
		require.NoError(t, r.Close())
		r = openReplica(t, cfg)
		require.Equal(t, []string{"s"}, nearest(t, r, "south", 1, nil))
	})
}

func TestUnchangedText(t *testing.T) {
	e := &scriptedEmbedder{}
	r := denseReplica(t, e)
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east")))
	calls := e.count()
	again := put("a", "north")
	again.Doc.Values = append([]api.Value{{Field: "lang", Strings: []string{"ja"}}}, again.Doc.Values...)
	again.Doc.Source = []byte(`{"lang":"ja","text":"north"}`)
	waitDense(t, r, mustWrite(t, r, again))
	require.Equal(t, calls, e.count(), "nothing was embedded")
	require.Eventually(t, func() bool { return value(t, r.metrics.unchanged) == 1 }, testTimeout, time.Millisecond)
	inJapanese := &api.Term{Field: "lang", Value: api.Scalar{Type: api.TypeKeyword, Str: "ja"}, Boost: 1}
	require.Equal(t, []string{"a"}, nearest(t, r, "north", 5, inJapanese), "its values are the new ones")
	waitDense(t, r, mustWrite(t, r, put("a", "south")))
	require.Greater(t, e.count(), calls)
	waitDense(t, r, mustWrite(t, r, put("a", "")))
	require.Equal(t, []string{"b"}, nearest(t, r, "south", 5, nil), "without text it has no vector")
	waitDense(t, r, mustWrite(t, r, put("a", "south"), put("c", " \n\u3000")))
	require.ElementsMatch(t, []string{"a", "b"}, nearest(t, r, "south", 5, nil), "blank text has no vector")
}

func TestLongTexts(t *testing.T) {
	const most = 5000
	e := &scriptedEmbedder{}
	e.set(func(texts []string) error {
		errs := make([]error, len(texts))
		failed := false
		for i, text := range texts {
			if len(text) > most || strings.Contains(text, "poison") {
				errs[i], failed = fmt.Errorf("over %d bytes: %w", most, embedclient.ErrRejected), true
			}
		}
		switch {
		case !failed:
			return nil
		case len(texts) == 1:
			return errs[0]
		}
		return &embedclient.BatchError{Errs: errs}
	})
	r := denseReplica(t, e)
	long := "north " + strings.Repeat("地震 ", 4000)
	waitDense(t, r, mustWrite(t, r, put("long", long), put("short", "east"), put("bad", "poison"+long)))
	require.Equal(t, []string{"long"}, nearest(t, r, "north", 1, nil))
	require.Eventually(t, func() bool { return value(t, r.metrics.truncated) == 1 }, testTimeout, time.Millisecond)
	failures, err := r.DenseFailures(0)
	require.NoError(t, err)
	require.Len(t, failures.List, 1)
	require.Equal(t, "bad", failures.List[0].ID)
	_, cut := r.state.outcome(0, "long", 1)
	require.True(t, cut)
	waitDense(t, r, mustWrite(t, r, put("long", "south")))
	_, cut = r.state.outcome(0, "long", 1)
	require.False(t, cut)
}

func TestVectorsOfAnEarlierVersion(t *testing.T) {
	// A state in which all was embedded, whose vectors are in a server and not here.
	c := newFakeCollection()
	cfg := fedConfig(t, c)
	r := openReplica(t, cfg)
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east")))
	r.state.change(func() { r.state.unkept = true })
	lost := []dense.Key{{ID: "a", Version: maxVersion}}
	require.NoError(t, r.vectors.find(0).Apply(r.machine.applied.Load()+1, nil, lost))
	r.Want(Wanted{Dense: cfg.Schema.Dense})
	require.Eventually(t, func() bool { _, _, ok := r.vectors.find(0).Stat("a"); return ok }, testTimeout,
		time.Millisecond)
	require.False(t, r.state.isUnkept())
	awaitEqual(t, r, c)
	require.NoError(t, r.Close())
}

func TestListKeys(t *testing.T) {
	e := &scriptedEmbedder{fail: func(texts []string) error {
		if strings.Contains(strings.Join(texts, " "), "poison") {
			return embedclient.ErrRejected
		}
		return nil
	}}
	r := denseReplica(t, e)
	waitDense(t, r, mustWrite(t, r, put("b", "poison"), put("a", "north"), put("c", "")))
	keys, err := r.ListKeys(testContext(t), "", 10)
	require.NoError(t, err)
	require.Len(t, keys, 3)
	require.Equal(t, KeyState{ID: "a", Version: 2, Vectors: []VectorState{{Version: 2}}}, keys[0])
	require.Contains(t, keys[1].Vectors[0].Failed, "rejected")
	require.Equal(t, KeyState{ID: "c", Version: 3, Vectors: []VectorState{{NoText: true}}}, keys[2])
	keys, err = r.ListKeys(testContext(t), "a", 1)
	require.NoError(t, err)
	require.Equal(t, "b", keys[0].ID)
}

func TestWritesThatFollow(t *testing.T) {
	r := openReplica(t, testConfig(t.TempDir(), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	group := func(text string, n int) []api.Write {
		writes := []api.Write{}
		for i := range n {
			w := put(api.PassageID("p", i), text)
			w.Follows = i > 0
			writes = append(writes, w)
		}
		return append(writes, api.Write{Kind: api.OpTrim, Doc: api.Document{ID: "p"}, From: n, Follows: true})
	}
	t.Run("are one entry however many", func(t *testing.T) {
		before := value(t, r.metrics.entries)
		mustWrite(t, r, append(group("long", 3*maxEntryWrites), put("x", "other"))...)
		require.InDelta(t, 2, value(t, r.metrics.entries)-before, 0)
	})
	t.Run("leave nothing of what was there", func(t *testing.T) {
		got := mustWrite(t, r, group("short", 2)...)
		require.Equal(t, api.StatusDeleted, got[2].Status)
		require.Empty(t, find(t, r, "long"))
		n, err := r.Count(testContext(t), nil)
		require.NoError(t, err)
		require.Equal(t, 3, n)
	})
	t.Run("must not be too many", func(t *testing.T) {
		_, err := write(testContext(t), r, group("many", maxGroupWrites)...)
		require.ErrorIs(t, err, ErrTooLarge)
	})
	t.Run("must follow something", func(t *testing.T) {
		w := put("a", "b")
		w.Follows = true
		_, err := write(testContext(t), r, w)
		require.ErrorIs(t, err, ErrWrite)
	})
}
