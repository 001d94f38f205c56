package catalogtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sagasu/internal/catalog"
)

// model is the catalog of one index, as Merge defines it.
type model struct {
	index, name string
	now         func() time.Time
	rows        map[string]catalog.Row
	shards      map[string]*modelShard
}

type modelShard struct {
	at      catalog.Position
	round   int64
	rewound bool
}

func newModel(index string, now func() time.Time) *model {
	return &model{
		index: index, name: "papers", now: now, rows: map[string]catalog.Row{}, shards: map[string]*modelShard{},
	}
}

// record does what Ledger.Record does; false if the batch does not fit.
func (m *model) record(b catalog.Batch) bool {
	b, err := b.Clean()
	if err != nil {
		return false
	}
	s := m.shards[b.Shard]
	if s == nil {
		s = &modelShard{rewound: true}
	}
	at := s.at
	if s.rewound {
		at = catalog.Position{}
	}
	if at != b.From {
		return false
	}
	if s.rewound || at.Sweep != b.Position.Sweep {
		s.round++
	}
	s.at, s.rewound = b.Position, false
	m.shards[b.Shard] = s
	for _, e := range b.Entries {
		row := catalog.NewRow(b.Shard, s.round, e, m.now())
		if old, there := m.rows[e.ID]; there {
			row = catalog.Merge(old, row)
		}
		row.Index, row.IndexName = m.index, m.name
		m.rows[e.ID] = row
	}
	for id, row := range m.rows {
		if b.Swept && row.Shard == b.Shard && row.Round < s.round && row.State != catalog.StateDeleted {
			delete(m.rows, id)
		}
	}
	return true
}

func (m *model) progress(shard string) (catalog.Position, bool) {
	if s := m.shards[shard]; s != nil && !s.rewound {
		return s.at, true
	}
	return catalog.Position{}, false
}

// documents gives what the filter selects, in its order.
func (m *model) documents(f catalog.Filter) []catalog.Document {
	out := []catalog.Document{}
	for _, row := range m.rows {
		d := row.Document
		if (f.State == 0 || d.State == f.State) && strings.HasPrefix(d.Source, f.Source) && strings.Contains(d.ID, f.Text) &&
			(f.Parent == "" || d.Parent == f.Parent) && within(d.UpdatedAt, f.UpdatedFrom, f.UpdatedTo) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b catalog.Document) int {
		if f.Order == catalog.ByID {
			return strings.Compare(a.ID, b.ID)
		}
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), strings.Compare(b.ID, a.ID))
	})
	return out
}

func within(t, from, to time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || t.Before(to))
}

func (m *model) counts() map[catalog.State]int64 {
	out := map[catalog.State]int64{}
	for _, row := range m.rows {
		out[row.State]++
	}
	return out
}

func (m *model) keys(after string) []catalog.Key {
	out := []catalog.Key{}
	for _, d := range m.documents(catalog.Filter{Order: catalog.ByID}) {
		if d.State != catalog.StateDeleted && d.ID > after {
			out = append(out, catalog.Key{ID: d.ID, Version: d.Version, State: d.State})
		}
	}
	return out
}
