package flat

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"sagasu/internal/dense"
)

// candidate is a row that may be among the best.
type candidate struct {
	at    *block
	row   int
	upper float64
}

// Search is exact: it gives what comparing the query with every selected vector gives, to the bit. It
// returns dense.ErrTimeout or context.Canceled when the context ends it.
func (x *Index) Search(ctx context.Context, q dense.Query) ([]dense.Hit, error) {
	if err := dense.CheckDims(q.Vector, x.cfg.Dims); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	unit, err := dense.Normalize(q.Vector)
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if err := dense.CheckFilter(q.Filter, x.cfg.Schema.Fields); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if err := dense.ContextError(ctx); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	v := x.view.Load()
	k := min(q.K, v.live)
	if k <= 0 {
		return nil, nil
	}
	s := &scan{kernel: x.kernel, view: v, query: quantiseQuery(unit), k: k}
	if q.Filter != nil {
		s.selected = x.filters.get(q.Filter).of(v)
	}
	candidates := s.run(ctx)
	if err := dense.ContextError(ctx); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	return rescore(candidates, unit, k), nil
}

// scan is the first pass of a search, over the codes.
type scan struct {
	kernel kernel
	view   *view
	query  quantisedQuery
	k      int
	// selected has the rows that the filter selects, by part; nil for all.
	selected []rowSet
}

// run gives every row whose score may be among the k best; on a done context whatever it has.
func (s *scan) run(ctx context.Context) []candidate {
	if s.view.rows < parallelRows {
		w := worker{scan: s}
		w.parts(ctx, 0, 1)
		return w.result(w.floor)
	}
	workers := [2]worker{{scan: s}, {scan: s}}
	var running sync.WaitGroup
	running.Go(func() { workers[1].parts(ctx, 1, 2) })
	workers[0].parts(ctx, 0, 2)
	running.Wait()
	// Each floor alone is a proof that k rows are at least as good, so the higher one holds for both.
	floor := max(workers[0].floor, workers[1].floor)
	return append(workers[0].result(floor), workers[1].result(floor)...)
}

// worker scans some of the parts.
type worker struct {
	*scan
	products []int32
	// lower is a min-heap of the k best lower bounds; once it has k, floor is its least.
	lower []float64
	floor float64
	found []candidate
}

// parts scans every step-th part.
func (w *worker) parts(ctx context.Context, first, step int) {
	w.floor = -2 * (1 + slack)
	for i := first; i < len(w.view.parts) && ctx.Err() == nil; i += step {
		p := &w.view.parts[i]
		if w.selected == nil {
			w.all(p)
			continue
		}
		w.some(p, w.selected[i])
	}
}

// all scans the live rows of a part.
func (w *worker) all(p *part) {
	w.multiply(p, 0, p.rows)
	for i, product := range w.products {
		if p.deadNum == 0 || !p.dead.has(i) {
			w.offer(p, i, product)
		}
	}
}

// some scans the live rows of a part that are selected.
func (w *worker) some(p *part, selected rowSet) {
	count := 0
	for _, word := range selected {
		count += bits.OnesCount64(word)
	}
	single := count <= fewRows
	if !single {
		w.multiply(p, 0, p.rows)
	}
	for at, word := range selected {
		for ; word != 0; word &= word - 1 {
			i := at*64 + bits.TrailingZeros64(word)
			if i >= p.rows {
				return
			}
			if p.dead.has(i) {
				continue
			}
			if single {
				w.multiply(p, i, i+1)
				w.offer(p, i, w.products[0])
				continue
			}
			w.offer(p, i, w.products[i])
		}
	}
}

// multiply fills products for the rows from up to to.
func (w *worker) multiply(p *part, from, to int) {
	width := len(w.query.codes)
	w.products = slices.Grow(w.products[:0], to-from)[:to-from]
	w.kernel(w.products, w.query.codes, p.codes[from*width:to*width])
}

// offer keeps the row if it may be among the best.
func (w *worker) offer(p *part, i int, product int32) {
	estimate, off := w.query.bounds(product, p.scales[i], p.errors[i])
	if estimate+off < w.floor {
		return
	}
	w.found = append(w.found, candidate{at: p.block, row: i, upper: estimate + off})
	switch least := estimate - off; {
	case len(w.lower) < w.k:
		w.lower = append(w.lower, least)
		if len(w.lower) == w.k {
			slices.Sort(w.lower)
			w.floor = w.lower[0]
		}
	case least > w.lower[0]:
		w.lower[0] = least
		sink(w.lower)
		w.floor = w.lower[0]
	}
}

// sink restores the order of a min-heap whose first element was replaced.
func sink(h []float64) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// result drops the rows that later ones showed not to be among the best.
func (w *worker) result(floor float64) []candidate {
	return slices.DeleteFunc(w.found, func(c candidate) bool { return c.upper < floor })
}

// rescore is the second pass: it computes exact scores in the order of the upper bounds until no bound
// reaches the k-th best score.
func rescore(candidates []candidate, unit []float32, k int) []dense.Hit {
	slices.SortFunc(candidates, func(a, b candidate) int { return cmp.Compare(b.upper, a.upper) })
	best := make([]float64, 0, k)
	hits := make([]dense.Hit, 0, min(len(candidates), 2*k))
	for _, c := range candidates {
		if len(best) == k && c.upper < best[0] {
			break
		}
		score := dense.Dot(unit, c.at.unit(c.row, len(unit)))
		hits = append(hits, dense.Hit{ID: c.at.ids[c.row], Version: c.at.versions[c.row], Score: score})
		switch s := float64(score); {
		case len(best) < k:
			best = append(best, s)
			if len(best) == k {
				slices.Sort(best)
			}
		case s > best[0]:
			best[0] = s
			sink(best)
		}
	}
	slices.SortFunc(hits, func(a, b dense.Hit) int {
		if a.Score != b.Score {
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return hits[:min(k, len(hits))]
}
