package quality

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDemoSample holds the bundled sample to what the demo promises: 1,000 passages of each language,
// each with its vector.
func TestDemoSample(t *testing.T) {
	for _, language := range []string{"en", "ja"} {
		t.Run(language, func(t *testing.T) {
			dir := filepath.Join("..", "..", "deploy", "demo", "sample", language)
			documents, err := ReadCorpus(filepath.Join(dir, "corpus.jsonl"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(documents), 1000)
			vectors, err := ReadVectors(dir, Passages)
			require.NoError(t, err)
			require.Len(t, vectors.Rows, len(documents))
			for i, row := range vectors.Rows {
				norm := 0.0
				for _, f := range row {
					norm += float64(f) * float64(f)
				}
				require.InDelta(t, 1, math.Sqrt(norm), 0.01, documents[i].ID)
			}
		})
	}
}
