package sparse

import "slices"

// topK keeps the k best documents seen: a heap whose root is the worst of them.
type topK struct {
	k       int
	entries []candidate
}

// keptEntries bounds the room that is kept for the next search, at 32 bytes an entry.
const keptEntries = 16 << 10

// reset makes it empty.
func (t *topK) reset(k int) { t.k, t.entries = k, t.entries[:0] }

// release forgets what it refers to.
func (t *topK) release() {
	if cap(t.entries) > keptEntries {
		t.entries = nil
	}
	clear(t.entries)
}

type candidate struct {
	score float64
	view  *view
	doc   uint32
}

func (c candidate) id() string { return c.view.part.source().ID(c.doc) }

// worse reports whether a ranks after b: a lower score, or the same and a higher id.
func worse(a, b candidate) bool {
	if a.score != b.score {
		return a.score < b.score
	}
	return a.id() > b.id()
}

// offer considers a document.
func (t *topK) offer(c candidate) {
	if len(t.entries) < t.k {
		t.entries = append(t.entries, c)
		t.up(len(t.entries) - 1)
		return
	}
	if t.k == 0 || c.score < t.entries[0].score || !worse(t.entries[0], c) {
		return
	}
	t.entries[0] = c
	t.down(0)
}

func (t *topK) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !worse(t.entries[i], t.entries[parent]) {
			return
		}
		t.entries[i], t.entries[parent] = t.entries[parent], t.entries[i]
		i = parent
	}
}

func (t *topK) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t.entries) {
			return
		}
		if child+1 < len(t.entries) && worse(t.entries[child+1], t.entries[child]) {
			child++
		}
		if !worse(t.entries[child], t.entries[i]) {
			return
		}
		t.entries[i], t.entries[child] = t.entries[child], t.entries[i]
		i = child
	}
}

// sorted gives the documents, best first.
func (t *topK) sorted() []candidate {
	slices.SortFunc(t.entries, func(a, b candidate) int {
		switch {
		case worse(b, a):
			return -1
		case worse(a, b):
			return 1
		}
		return 0
	})
	return t.entries
}
