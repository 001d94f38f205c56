package embedclient

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// modelServer answers with vectors of as many values as a model's name has bytes, and notes the models.
func modelServer(t *testing.T) (url string, models *[]string) {
	models = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var asked struct{ Model string }
		if json.Unmarshal(body, &asked) != nil {
			return
		}
		*models = append(*models, asked.Model)
		vector := make([]float32, len(asked.Model)+1)
		vector[0] = 1
		answer, err := json.Marshal(map[string]any{"data": []any{map[string]any{"index": 0, "embedding": vector}}})
		if err != nil {
			return
		}
		if _, err := w.Write(answer); err != nil {
			return
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, models
}

func TestServices(t *testing.T) {
	services := func(t *testing.T, cfg ServicesConfig) *Services {
		cfg.Registry = prometheus.NewRegistry()
		s, err := NewServices(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	embed := func(t *testing.T, s *Services, model string) int {
		service, err := s.For(model)
		require.NoError(t, err)
		vectors, err := service.Embed(t.Context(), Passage, []string{"text"})
		require.NoError(t, err)
		return len(vectors[0])
	}
	t.Run("each model is asked of its service", func(t *testing.T) {
		first, firstModels := modelServer(t)
		second, secondModels := modelServer(t)
		cfg := ServicesConfig{Default: Default(), ByModel: map[string]string{"large": second}}
		cfg.Default.URL, cfg.Default.Model, cfg.Default.Dims = first, "e5", 3
		s := services(t, cfg)
		require.Equal(t, 3, embed(t, s, ""))
		require.Equal(t, 3, embed(t, s, "e5"))
		require.Equal(t, 6, embed(t, s, "large"))
		require.Equal(t, 9, embed(t, s, "separate"))
		require.Equal(t, []string{"e5", "e5", "separate"}, *firstModels)
		require.Equal(t, []string{"large"}, *secondModels)
		one, err := s.For("e5")
		require.NoError(t, err)
		other, err := s.For("")
		require.NoError(t, err)
		require.Same(t, one, other, "one model, one client")
		require.Equal(t, []string{"large"}, s.Models())
	})
	t.Run("a model without a service says so", func(t *testing.T) {
		url, _ := modelServer(t)
		s := services(t, ServicesConfig{Default: Default(), ByModel: map[string]string{"large": url}})
		require.Equal(t, 6, embed(t, s, "large"))
		_, err := s.For("")
		require.ErrorIs(t, err, ErrNoService)
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = s.For("small")
		require.ErrorContains(t, err, `for model "small"; those configured are for ["large"]`)
	})
	t.Run("there are not any number of clients", func(t *testing.T) {
		cfg := ServicesConfig{Default: Default()}
		cfg.Default.URL = "http://127.0.0.1:1"
		s := services(t, cfg)
		var err error
		for i := 0; err == nil && i <= maxServices; i++ {
			_, err = s.For("m" + string(rune('0'+i)))
		}
		require.ErrorIs(t, err, ErrNoService)
	})
	t.Run("bad settings are refused at the start", func(t *testing.T) {
		for _, byModel := range []map[string]string{{"": "http://a"}, {"large": "gopher://a"}} {
			_, err := NewServices(ServicesConfig{Default: Default(), ByModel: byModel})
			require.ErrorIs(t, err, ErrBadConfig)
		}
	})
	t.Run("nothing after close", func(t *testing.T) {
		cfg := ServicesConfig{Default: Default()}
		cfg.Default.URL = "http://127.0.0.1:1"
		s := services(t, cfg)
		require.NoError(t, s.Close())
		_, err := s.For("")
		require.ErrorIs(t, err, ErrClosed)
	})
}
