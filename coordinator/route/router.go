package route

import (
	"sync"
	"sync/atomic"

	"sagasu/coordinator/query"
)

// Router sends calls to copies of shards. It may be used concurrently.
type Router struct {
	cfg     Config
	metrics *metrics
	windows [kinds]window
	hedges  *budget
	retries *budget
	nodes   table[string, node]
	copies  table[copyKey, copyState]
}

// copyKey names a copy.
type copyKey struct{ shard, node string }

// New makes a Router. Errors: ErrConfig, or that of the registry.
func New(cfg Config) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	return &Router{
		cfg: cfg, metrics: m,
		hedges:  newBudget(cfg.HedgePercent, cfg.HedgeBurst),
		retries: newBudget(cfg.RetryPercent, cfg.RetryBurst),
		nodes:   table[string, node]{limit: maxNodes},
		copies:  table[copyKey, copyState]{limit: maxCopies},
	}, nil
}

// Shard gives the shard as one search sees it: each call goes to a copy that has applied the log up to min.
// It is cheap, and not to be kept: a view that is renewed during a search is used for the rest of it only.
func (r *Router) Shard(view ShardView, min uint64) query.Shard {
	s := &shard{router: r}
	s.min.Store(min)
	s.view.Store(&view)
	return s
}

// table keeps something per key. Past its limit it forgets any other entry, which is then learned anew.
type table[K comparable, V any] struct {
	limit int
	count atomic.Int64
	all   sync.Map
}

func (t *table[K, V]) get(key K) *V {
	if found, ok := t.all.Load(key); ok {
		value, _ := found.(*V)
		return value
	}
	found, loaded := t.all.LoadOrStore(key, new(V))
	value, _ := found.(*V)
	if !loaded && t.count.Add(1) > int64(t.limit) {
		t.forget(key)
	}
	return value
}

func (t *table[K, V]) forget(but K) {
	t.all.Range(func(key, _ any) bool {
		if key == any(but) {
			return true
		}
		if _, there := t.all.LoadAndDelete(key); there {
			t.count.Add(-1)
		}
		return false
	})
}
