package sparse

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestWritesThatFollow(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	follow := func(w api.Write) api.Write { w.Follows = true; return w }
	trim := func(id string, from int) api.Write {
		return api.Write{Kind: api.OpTrim, From: from, Doc: api.Document{ID: id}}
	}
	passages := func(text string, n int) []api.Write {
		writes := make([]api.Write, n)
		for i := range writes {
			writes[i] = put(api.PassageID("p", i), fmt.Sprintf("%s part%d", text, i))
			writes[i].Follows = i > 0
		}
		return append(writes, follow(trim("p", n)))
	}
	got := apply(t, x, 1, passages("ant", 4)...)
	require.Equal(t, Outcome{Status: api.StatusNotFound}, got[4], "nothing to trim")

	t.Run("a shorter text removes what the longer one had", func(t *testing.T) {
		got := apply(t, x, 2, passages("bee", 2)...)
		require.Equal(t, api.StatusUpdated, got[1].Status)
		require.Equal(t, Outcome{Status: api.StatusDeleted, Version: got[1].Version + 2, Trimmed: 2}, got[2])
		require.ElementsMatch(t, []string{"p#0", "p#1"}, titles(t, x, "bee"))
		require.Empty(t, titles(t, x, "ant"))
		require.Equal(t, got[2].Version, x.LastVersion())
	})
	t.Run("nothing happens if the first has a conflict", func(t *testing.T) {
		writes := passages("cat", 3)
		writes[0].Kind = api.OpCreate
		got := apply(t, x, 3, append(writes, put("other", "cat"))...)
		for _, o := range got[:4] {
			require.Equal(t, api.StatusConflict, o.Status)
			require.Equal(t, got[0].Version, o.Version)
		}
		require.Equal(t, []string{"other"}, titles(t, x, "cat"))
	})
	t.Run("trimming from the first removes all", func(t *testing.T) {
		got := apply(t, x, 4, trim("p", 0))
		require.Equal(t, 2, got[0].Trimmed)
		require.Empty(t, titles(t, x, "bee"))
	})
}

func TestTheDenseLegMayChange(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	apply(t, x, 1, put("a", "ant"))
	flush(t, x)
	require.NoError(t, x.Close())
	cfg.Schema.Dense = &api.DenseConfig{Dims: 4, Generation: 1}
	x = openTest(t, cfg)
	require.Equal(t, []string{"a"}, titles(t, x, "ant"))
	require.NoError(t, x.Close())
}
