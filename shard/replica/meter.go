package replica

import (
	"sync"
	"time"
)

// meter tells how many of something there were a second, lately.
type meter struct {
	now func() time.Time

	mu sync.Mutex
	// counts has a slot for each of the last seconds, the present one at second modulo the length.
	counts [meterSeconds]int
	second int64
	// began is when the first were counted after a time of none.
	began time.Time
}

func newMeter(now func() time.Time) *meter { return &meter{now: now} }

func (m *meter) add(n int) {
	at := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turn(at) == 0 {
		m.began = at
	}
	m.counts[m.second%meterSeconds] += n
}

// turn clears the seconds that are past and gives the sum of the others. mu is held.
func (m *meter) turn(at time.Time) int {
	now := at.Unix()
	for s := max(m.second+1, now-meterSeconds+1); s <= now; s++ {
		m.counts[s%meterSeconds] = 0
	}
	m.second = max(m.second, now)
	sum := 0
	for _, n := range m.counts {
		sum += n
	}
	return sum
}

func (m *meter) rate() float64 {
	at := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := m.turn(at)
	seconds := min(meterSeconds, max(1, at.Sub(m.began).Seconds()))
	return float64(sum) / seconds
}
