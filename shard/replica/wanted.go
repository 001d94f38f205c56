package replica

import (
	"slices"

	"sagasu/api"
)

// Wanted is what the metadata say of an index's vectors.
type Wanted struct {
	// Dense is the generation that searches ask; nil for an index without a dense leg. Next is the one to be filled
	// beside it, nil for none.
	Dense, Next *api.DenseConfig
	// Retired are the numbers of generations to be dropped, Resting of those that searches which are under way may
	// still ask: nothing is done to these.
	Retired, Resting []int
	// From and To are the slots of the shard, the latter exclusive; both 0 stand for all.
	From, To int
	// Mixed says that replicas of the group may be on nodes of an earlier version: nothing may be written into the
	// log that they can't read, so the workers rest.
	Mixed bool
}

// configs gives what is to be filled, the present generation first.
func (w *Wanted) configs() []api.DenseConfig {
	var out []api.DenseConfig
	if w.Dense != nil {
		out = append(out, *w.Dense)
	}
	if w.Next != nil {
		out = append(out, *w.Next)
	}
	return out
}

// outdated reports whether a generation is to be dropped: it was given up, or is older than the present one.
func (w *Wanted) outdated(generation int) bool {
	if w.Dense == nil || w.Dense.Generation == generation || w.Next != nil && w.Next.Generation == generation ||
		slices.Contains(w.Resting, generation) {
		return false
	}
	return generation < w.Dense.Generation || slices.Contains(w.Retired, generation)
}

// slots gives the shard's slots.
func (w *Wanted) slots() (from, to int) {
	if w.From == 0 && w.To == 0 {
		return 0, api.Slots
	}
	return w.From, w.To
}

// Want tells the replica what the metadata say now. Its workers follow when it leads.
func (r *Replica) Want(w Wanted) {
	r.wanted.Store(&w)
	select {
	case r.rewanted <- struct{}{}:
	default:
	}
}

// current is the generation that searches ask; false for an index without a dense leg.
func (r *Replica) current() (api.DenseConfig, bool) {
	w := r.wanted.Load()
	if w.Dense == nil {
		return api.DenseConfig{}, false
	}
	return *w.Dense, true
}
