package embedclient

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// canned answers every request with the same response.
type canned []byte

func (c canned) post(string, []byte, time.Time) (reply, error) {
	return reply{status: 200, body: c}, nil
}

func (canned) close() error { return nil }

// BenchmarkEmbed measures what the client adds to one query: all but the network and the service.
func BenchmarkEmbed(b *testing.B) {
	cfg := Default()
	cfg.URL, cfg.Dims, cfg.Cache = "http://canned", 384, newMapCache()
	c, err := newClient(cfg, nil, nil, canned(benchResponse(384, true)))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close()) })
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Embed(b.Context(), Query, []string{"how much protein per day"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := c.Embed(b.Context(), Query, []string{strconv.Itoa(i)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
