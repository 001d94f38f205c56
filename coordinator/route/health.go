package route

import "time"

// health is what is known of the failures of a node or a copy. After a failure it is suspect for a time;
// then one call at a time may try it, until one succeeds. The zero health is good.
type health struct {
	// until is the end of the suspicion; zero if there was no failure since the last success.
	until  time.Time
	trying bool
}

// suspect reports whether calls should go elsewhere.
func (h health) suspect(now time.Time) bool {
	return !h.until.IsZero() && (h.trying || now.Before(h.until))
}

// begin notes that a call is sent. It reports whether that call is the one that tries.
func (h *health) begin(now time.Time) bool {
	if h.until.IsZero() || h.suspect(now) {
		return false
	}
	h.trying = true
	return true
}

// succeed ends all suspicion.
func (h *health) succeed() { *h = health{} }

// fail begins a suspicion, or a new one. It reports whether all was good before.
func (h *health) fail(now time.Time) bool {
	good := h.until.IsZero()
	*h = health{until: now.Add(suspicion)}
	return good
}
