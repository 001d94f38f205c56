package query

import (
	"container/list"
	"sync"
	"time"

	"sagasu/sparse"
)

// shardTerms names the statistics of some terms in one shard of an index.
type shardTerms struct {
	index  string
	shards int
	shard  int
	terms  []sparse.TermKey
}

// statisticsCache keeps per index, term and shard the document frequency and when it was learned, and the
// same of the statistics of fields. What was not used for longest goes first when there is too much.
type statisticsCache struct {
	age   time.Duration
	limit int
	// start is what times are counted from.
	start time.Time

	mu    sync.Mutex
	rows  map[statisticsKey]*list.Element // of *statisticsRow
	order *list.List                      // the last used first
	bytes int
}

// statisticsKey names a term of an index; the zero term stands for the statistics of its fields.
type statisticsKey struct {
	index string
	term  sparse.TermKey
}

// statisticsRow has a cell for every shard.
type statisticsRow struct {
	key   statisticsKey
	cells []statisticsCell
	// fields are of the row of the zero term only, by shard; a map is never changed.
	fields []map[string]sparse.FieldStatistics
	bytes  int
}

// statisticsCell is what is known of a term in a shard.
type statisticsCell struct {
	// learned is when the shard was asked, since the cache's start and 1 more; 0 if it never was.
	learned time.Duration
	df      uint64
}

// Sizes of what the cache holds, in bytes, without keys; roughly.
const (
	rowBytes   = 256
	cellBytes  = 16
	fieldBytes = 64
)

func newStatisticsCache(age time.Duration, limit int, start time.Time) *statisticsCache {
	return &statisticsCache{
		age: age, limit: limit, start: start, rows: map[statisticsKey]*list.Element{}, order: list.New(),
	}
}

// lookUp gives the sum over the shards of which all the terms are known and young enough, and the other
// shards, ascending. at.shard is not looked at.
func (c *statisticsCache) lookUp(at shardTerms, now time.Time) (sum sparse.Statistics, lacking []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum = sparse.Statistics{
		Fields: map[string]sparse.FieldStatistics{}, Terms: make(map[sparse.TermKey]uint64, len(at.terms)),
	}
	oldest := now.Sub(c.start) - c.age + 1
	rows := make([]*statisticsRow, 0, len(at.terms)+1)
	for i := range len(at.terms) + 1 {
		row := c.use(statisticsKey{at.index, termOr(at.terms, i)}, at.shards)
		if row == nil {
			return sum, allShards(at.shards)
		}
		rows = append(rows, row)
	}
	fields := rows[len(at.terms)].fields
	use := make([]bool, at.shards)
	for shard := range at.shards {
		if use[shard] = known(rows, shard, oldest); !use[shard] {
			lacking = append(lacking, shard)
			continue
		}
		sum.Add(sparse.Statistics{Fields: fields[shard]})
	}
	if len(lacking) == at.shards {
		return sum, lacking
	}
	for i, term := range at.terms {
		df := uint64(0)
		for shard, cell := range rows[i].cells {
			if use[shard] {
				df += cell.df
			}
		}
		sum.Terms[term] = df
	}
	return sum, lacking
}

// known reports whether every row has a cell of the shard that was learned after oldest.
func known(rows []*statisticsRow, shard int, oldest time.Duration) bool {
	for _, row := range rows {
		if cell := row.cells[shard]; cell.learned == 0 || cell.learned <= oldest {
			return false
		}
	}
	return true
}

// learn keeps what a shard that was asked at that time gave, unless later answers are there already.
func (c *statisticsCache) learn(at shardTerms, stats sparse.Statistics, asked time.Time) {
	if len(at.terms) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	learned := asked.Sub(c.start) + 1
	for i := range len(at.terms) + 1 {
		term := termOr(at.terms, i)
		row := c.use(statisticsKey{at.index, term}, at.shards)
		if row == nil {
			row = c.add(statisticsKey{at.index, term}, at.shards, len(stats.Fields))
		}
		if row.cells[at.shard].learned > learned {
			continue
		}
		row.cells[at.shard] = statisticsCell{learned: learned, df: stats.Terms[term]}
		if row.fields != nil {
			row.fields[at.shard] = stats.Fields
		}
	}
	for c.bytes > c.limit {
		c.remove(c.order.Back())
	}
}

// use gives a row, if there is one for that number of shards.
func (c *statisticsCache) use(key statisticsKey, shards int) *statisticsRow {
	element, ok := c.rows[key]
	if !ok {
		return nil
	}
	row, _ := element.Value.(*statisticsRow)
	if len(row.cells) != shards {
		c.remove(element)
		return nil
	}
	c.order.MoveToFront(element)
	return row
}

func (c *statisticsCache) add(key statisticsKey, shards, fields int) *statisticsRow {
	row := &statisticsRow{key: key, cells: make([]statisticsCell, shards)}
	row.bytes = rowBytes + len(key.index) + len(key.term.Field) + len(key.term.Term) + shards*cellBytes
	if key.term == (sparse.TermKey{}) {
		row.fields = make([]map[string]sparse.FieldStatistics, shards)
		row.bytes += shards * fields * fieldBytes
	}
	c.rows[key] = c.order.PushFront(row)
	c.bytes += row.bytes
	return row
}

func (c *statisticsCache) remove(element *list.Element) {
	row, _ := c.order.Remove(element).(*statisticsRow)
	delete(c.rows, row.key)
	c.bytes -= row.bytes
}

// termOr gives a term by its position, and the zero term past the end.
func termOr(terms []sparse.TermKey, i int) sparse.TermKey {
	if i < len(terms) {
		return terms[i]
	}
	return sparse.TermKey{}
}

func allShards(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
