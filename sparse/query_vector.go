package sparse

import (
	"fmt"
	"math"
	"unsafe"

	"sagasu/api"
	"sagasu/sparse/segment"
)

// vectorClause scores by inner product; see api.SparseVector.
type vectorClause struct {
	dims    []*boundTerm
	weights []float64
}

func (p *planner) sparseVector(q *api.SparseVector) (clause, error) {
	f, err := p.fields.get(q.Field)
	if err != nil {
		return nil, err
	}
	if f.shape != segment.ShapeSparse {
		return nil, fmt.Errorf("%w: field %q is %s, not sparse_vector", ErrQuery, q.Field, f.kind)
	}
	if err := p.count(len(q.Vector)); err != nil {
		return nil, err
	}
	c := p.vectors.one()
	c.dims, c.weights = p.bound.take(len(q.Vector)), p.weights.take(len(q.Vector))
	for i, e := range q.Vector {
		key := p.keys.take(4)
		putDimKey(key, e.Dim)
		bound, err := p.lookUp(f, unsafe.String(&key[0], len(key)))
		if err != nil {
			return nil, err
		}
		c.dims[i], c.weights[i] = bound, q.Boost*float64(e.Weight)
	}
	return c, nil
}

func (c *vectorClause) bind(at int, v *view) (node, error) {
	n := &vectorNode{docs: v.docs}
	for i, t := range c.dims {
		if t.places[at].held {
			n.cursors = append(n.cursors, &cursor{postings: v.open(t.field, t.places[at])})
			n.weights = append(n.weights, c.weights[i])
		}
	}
	return n, nil
}

type vectorNode struct {
	docs    uint32
	cursors []*cursor
	weights []float64
}

func (n *vectorNode) eval(base uint32, out *frame) error {
	out.reset(n.docs - base)
	for i, c := range n.cursors {
		weight := n.weights[i]
		err := c.window(base, base+windowDocs, func(docs, freqs []uint32) {
			for j, doc := range docs {
				out.match.add(doc - base)
				if out.scores != nil {
					out.scores[doc-base] += float64(weight * float64(math.Float32frombits(freqs[j])))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
