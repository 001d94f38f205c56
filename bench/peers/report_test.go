package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSummarise(t *testing.T) {
	t.Run("medians of passes, then their distribution", func(t *testing.T) {
		passes := make([][]time.Duration, 3)
		for i := range 100 {
			at := time.Duration(i+1) * time.Microsecond
			passes[0] = append(passes[0], at)
			passes[1] = append(passes[1], time.Second)
			passes[2] = append(passes[2], 0)
		}
		require.Equal(t, summary{Engine: "e", Mean: 50.5, P50: 51, P95: 96, P99: 100}, summarise("e", passes))
	})
}

func TestTurn(t *testing.T) {
	t.Run("each engine is at each place, and follows each other", func(t *testing.T) {
		const n = 4
		first := map[int]int{}
		for pass := range 2 * n {
			order := turn(n, pass)
			first[order[0]]++
			slices.Sort(order)
			require.Equal(t, []int{0, 1, 2, 3}, order)
		}
		require.Equal(t, map[int]int{0: 2, 1: 2, 2: 2, 3: 2}, first)
		require.Equal(t, []int{1, 2, 3, 0}, turn(n, 1))
		require.Equal(t, []int{0, 3, 2, 1}, turn(n, n+1))
	})
}

func TestReport(t *testing.T) {
	r := &report{Machine: "m", Corpus: "c", Docs: 3, Passes: 1, Built: []builtBy{{Engine: "a"}, {Engine: "b"}}}
	row := rowOf("f", "or", 2)
	row.add(summary{Engine: "a", Mean: 10, P50: 10, P95: 10, P99: 10, PeakMiB: 77})
	row.add(summary{Engine: "b", Mean: 40, P50: 40, P95: 40, P99: 40, Algorithm: "slow"})
	row.add(summary{Engine: "b", Mean: 20, P50: 30, P95: 40, P99: 50, Algorithm: "fast"})
	only := rowOf("f", "phrase", 2)
	only.add(summary{Engine: "a", Mean: 5, P50: 5, P95: 5, P99: 5})
	r.Rows = append(r.Rows, row, only)
	t.Run("ratios before times, the fastest way named", func(t *testing.T) {
		text := r.markdown()
		ratios, times := strings.Index(text, "| 2.00 / 3.00 / 4.00 / 5.00 |"), strings.Index(text, "| 20 / 30 / 40 / 50 fast |")
		require.Positive(t, ratios)
		require.Greater(t, times, ratios)
		require.NotContains(t, text, "slow |")
		require.Contains(t, text, "| f | phrase | 1.00 / 1.00 / 1.00 / 1.00 | - |")
		require.Contains(t, text, "| f | or | 77 | 0 |")
		require.Contains(t, r.plot(), "b 20 µs")
	})
	t.Run("the machine is named", func(t *testing.T) { require.Contains(t, machine(), "cores, linux ") })
}

func TestEngines(t *testing.T) {
	t.Run("an unknown one is refused", func(t *testing.T) {
		_, err := engines("bin", "sagasu,nobody")
		require.ErrorContains(t, err, `"nobody"`)
	})
	t.Run("ways by question", func(t *testing.T) {
		chosen, err := engines("bin", "sagasu,pisa,bm25s")
		require.NoError(t, err)
		or := &question{kind: "or", k: 10}
		require.Equal(t, []string{""}, chosen[0].ways(or))
		require.Len(t, chosen[1].ways(or), 3)
		require.Len(t, chosen[1].ways(&question{kind: "and", k: 10}), 2)
		require.Empty(t, chosen[1].ways(&question{kind: "or", k: 10, share: 1}))
		require.Len(t, chosen[2].ways(&question{kind: "or", k: 10, share: 1}), 1)
		require.Empty(t, chosen[2].ways(&question{kind: "phrase", k: 10}))
	})
}

func TestParseAnswer(t *testing.T) {
	t.Run("count and hits", func(t *testing.T) {
		a, err := parseAnswer("3 7:1.5 2:0.5")
		require.NoError(t, err)
		require.Equal(t, answer{count: 3, hits: []scored{{7, 1.5}, {2, 0.5}}}, a)
	})
	t.Run("bad ones", func(t *testing.T) {
		for _, line := range []string{"", "x", "1 2", "1 x:1", "1 2:x"} {
			_, err := parseAnswer(line)
			require.Error(t, err, line)
		}
	})
}
