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

// statisticsCache keeps per index, term and shard the document frequency, of which version of the shard it is and
// when it was learned, and the same of the statistics of fields. It holds for as long as it is young, or of the
// newest version of the shard where any answer told lately that this is the newest: what is asked for seldom
// need not be asked for again while nothing is written. What was not used for longest goes first when there is
// too much.
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
	// shards are of the row of the zero term only.
	shards []shardNews
	bytes  int
}

// statisticsCell is what is known of a term in a shard.
type statisticsCell struct {
	// learned is when the shard was asked, since the cache's start and 1 more; 0 if it never was.
	learned time.Duration
	version uint64
	df      uint64
}

// shardNews is what answers about any term told of a shard.
type shardNews struct {
	// version is the newest; first and last are when answers of it were asked for, as in a cell.
	version     uint64
	first, last time.Duration
	// fields are those of the cell; a map is never changed.
	fields map[string]sparse.FieldStatistics
}

// Sizes of what the cache holds, in bytes, without keys; roughly.
const (
	rowBytes   = 256
	cellBytes  = 24
	newsBytes  = 32
	fieldBytes = 64
)

func newStatisticsCache(age time.Duration, limit int, start time.Time) *statisticsCache {
	return &statisticsCache{
		age: age, limit: limit, start: start, rows: map[statisticsKey]*list.Element{}, order: list.New(),
	}
}

// lookUp gives the sum over the shards of which all the terms are known and still hold, and the other shards,
// ascending. at.shard is not looked at.
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
	news := rows[len(at.terms)].shards
	use := make([]bool, at.shards)
	for shard := range at.shards {
		if use[shard] = holds(rows, shard, oldest); !use[shard] {
			lacking = append(lacking, shard)
			continue
		}
		sum.Add(sparse.Statistics{Fields: news[shard].fields})
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

// holds reports whether every row, that of the zero term last, has a cell of the shard that was learned after
// oldest, or is of the version that was the shard's newest after oldest.
func holds(rows []*statisticsRow, shard int, oldest time.Duration) bool {
	news := &rows[len(rows)-1].shards[shard]
	for _, row := range rows {
		cell := &row.cells[shard]
		young := cell.learned > oldest
		if cell.learned == 0 || !young && !(news.last > oldest && news.newest(cell)) {
			return false
		}
	}
	return true
}

// learn keeps what a shard that was asked at that time gave, unless newer answers are there already.
func (c *statisticsCache) learn(at shardTerms, stats sparse.Statistics, asked time.Time) {
	if len(at.terms) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	learned := asked.Sub(c.start) + 1
	zero := c.useOrAdd(statisticsKey{at.index, sparse.TermKey{}}, at.shards, len(stats.Fields))
	news := &zero.shards[at.shard]
	news.see(stats.Version, learned, c.age)
	for _, term := range at.terms {
		row := c.useOrAdd(statisticsKey{at.index, term}, at.shards, 0)
		row.cells[at.shard].learn(statisticsCell{learned, stats.Version, stats.Terms[term]}, news)
	}
	if zero.cells[at.shard].learn(statisticsCell{learned, stats.Version, 0}, news) {
		news.fields = stats.Fields
	}
	// Every search needs it: it goes last.
	c.use(zero.key, at.shards)
	for c.bytes > c.limit {
		c.remove(c.order.Back())
	}
}

// see notes that an answer asked for at that time was of the version. A lower version than the newest is a
// replica's that lags; unless the newest was not told for age: then it is gone, be it that the shard lost its
// last writes or that only such replicas are left.
func (n *shardNews) see(version uint64, at, age time.Duration) {
	switch {
	case n.last != 0 && version == n.version:
		n.first, n.last = min(n.first, at), max(n.last, at)
	case n.last != 0 && version > n.version:
		// What a younger answer told was older: this was the newest then, however late it comes.
		n.version, n.first, n.last = version, at, max(n.last, at)
	case n.last == 0 || at-n.last >= age:
		n.version, n.first, n.last = version, at, at
	}
}

// newest reports whether a cell is of the newest version. One learned before any answer of it is of a version that
// was lost and given out again.
func (n *shardNews) newest(c *statisticsCell) bool {
	return c.version == n.version && c.learned >= n.first
}

// learn takes over an answer, which news has seen, and reports whether it did. A cell that is ahead of the answer
// stays, and is as young as the answer is, which tells of no younger state.
func (c *statisticsCell) learn(answer statisticsCell, news *shardNews) bool {
	if c.version > news.version || c.version == news.version && !news.newest(c) {
		*c = answer // the cell is of a lost version, or there was none
		return true
	}
	ahead := c.version > answer.version || c.version == answer.version && c.learned > answer.learned
	c.learned = max(c.learned, answer.learned)
	if !ahead {
		c.version, c.df = answer.version, answer.df
	}
	return !ahead
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

func (c *statisticsCache) useOrAdd(key statisticsKey, shards, fields int) *statisticsRow {
	if row := c.use(key, shards); row != nil {
		return row
	}
	return c.add(key, shards, fields)
}

func (c *statisticsCache) add(key statisticsKey, shards, fields int) *statisticsRow {
	row := &statisticsRow{key: key, cells: make([]statisticsCell, shards)}
	row.bytes = rowBytes + len(key.index) + len(key.term.Field) + len(key.term.Term) + shards*cellBytes
	if key.term == (sparse.TermKey{}) {
		row.shards = make([]shardNews, shards)
		row.bytes += shards * (newsBytes + fields*fieldBytes)
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
