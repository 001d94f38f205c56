package sparse

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/internal/vfs"
)

// Courtesy is how the background work of all indexes that share it gives way to their searches, and how fast their
// merges may write. Analysis, flushes and merges let searches that wait for a core have it every now and then; a merge
// stops while searches run, if there are more at work than cores. None of them gives away more than three quarters of
// its time.
// A merge whose index has too many segments waits for nothing, since then searches need it most.
type Courtesy struct {
	cfg CourtesyConfig

	// searches are those that run, workers the analyses, flushes and merges.
	searches, workers atomic.Int64
	merged, hurried   atomic.Uint64
	gaveWay, paced    atomic.Int64

	// mu guards idle, which the end of the last search closes; nil if nobody waits.
	mu   sync.Mutex
	idle chan struct{}
	// awaited says that idle may not be nil.
	awaited atomic.Bool
}

// CourtesyConfig configures a Courtesy. Start from DefaultCourtesy.
type CourtesyConfig struct {
	// Pace is called with a number of bytes before a merge writes them, and waits until they may be; nil lets them pass.
	// Its error, such as the context's, ends the wait.
	Pace func(ctx context.Context, bytes int) error
	// Cores is how many may be at work without hindering each other.
	Cores int
	// Now is the clock, After the timers.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Yield lets whoever waits for a core have this one.
	Yield func()
}

// DefaultCourtesy has the machine's cores, and merges that write as fast as they can.
func DefaultCourtesy() CourtesyConfig {
	return CourtesyConfig{Cores: runtime.GOMAXPROCS(0), Now: time.Now, After: time.After, Yield: runtime.Gosched}
}

// NewCourtesy makes a Courtesy.
func NewCourtesy(cfg CourtesyConfig) *Courtesy { return &Courtesy{cfg: cfg} }

// CourtesyStats is what background work has done and waited for so far.
type CourtesyStats struct {
	// MergedBytes were written by merges, HurriedBytes of them without a wait because too many segments were there.
	MergedBytes, HurriedBytes uint64
	// GaveWay is how long it waited for searches, Paced how long merges waited until they might write.
	GaveWay, Paced time.Duration
}

// Stats gives the figures; for all indexes that share c.
func (c *Courtesy) Stats() CourtesyStats {
	return CourtesyStats{
		MergedBytes: c.merged.Load(), HurriedBytes: c.hurried.Load(),
		GaveWay: time.Duration(c.gaveWay.Load()), Paced: time.Duration(c.paced.Load()),
	}
}

// searching counts a search until ended.
func (c *Courtesy) searching() { c.searches.Add(1) }

func (c *Courtesy) ended() {
	if c.searches.Add(-1) > 0 || !c.awaited.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		close(c.idle)
		c.idle = nil
		c.awaited.Store(false)
	}
}

// quiet gives a channel that is closed when no search runs; nil if none does.
func (c *Courtesy) quiet() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	c.awaited.Store(true)
	// A search that ended before it could see awaited closes nothing.
	if c.searches.Load() == 0 {
		close(c.idle)
		c.idle = nil
		c.awaited.Store(false)
		return nil
	}
	return c.idle
}

// turn is one worker's: of one goroutine.
type turn struct {
	*Courtesy
	ctx context.Context
	// stops says that it waits for searches to end, for a merge; others only let them have the core.
	stops bool
	// hurry tells whether it must not wait; nil for never.
	hurry func() bool
	// last is when it last began to work, credit how long it may still wait.
	last   time.Time
	credit time.Duration
}

// begin takes a turn, which is to be ended by done.
func (c *Courtesy) begin(ctx context.Context) *turn {
	c.workers.Add(1)
	return &turn{Courtesy: c, ctx: ctx, last: c.cfg.Now()}
}

func (t *turn) done() { t.workers.Add(-1) }

// step is called every now and then, and may give way.
func (t *turn) step() {
	if t.searches.Load() == 0 {
		return
	}
	now := t.cfg.Now()
	worked := now.Sub(t.last)
	if worked < stepTime {
		return
	}
	t.credit = min(t.credit+giveShare*worked, maxCredit)
	t.last = now
	if t.credit <= 0 || t.hurry != nil && t.hurry() {
		return
	}
	if t.stops && t.searches.Load()+t.workers.Load() > int64(t.cfg.Cores) {
		t.await()
	} else {
		t.cfg.Yield()
	}
	t.last = t.cfg.Now()
	gave := t.last.Sub(now)
	t.credit -= gave
	t.gaveWay.Add(int64(gave))
}

// await waits until no search runs, or the credit is spent.
func (t *turn) await() {
	quiet := t.quiet()
	if quiet == nil {
		return
	}
	t.workers.Add(-1)
	defer t.workers.Add(1)
	select {
	case <-quiet:
	case <-t.cfg.After(t.credit):
	case <-t.ctx.Done():
	}
}

// fs gives the file system, files of which are written at the pace.
func (t *turn) fs(fs vfs.FS) vfs.FS { return pacedFS{fs, t} }

// pacedFS has files that a merge writes.
type pacedFS struct {
	vfs.FS
	turn *turn
}

// Create creates a file that is written at the turn's pace.
func (f pacedFS) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	return pacedFile{file, f.turn}, err
}

type pacedFile struct {
	vfs.File
	turn *turn
}

// Write writes p in pieces, each when it may be.
func (f pacedFile) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		f.turn.pass(min(len(p)-n, paceBytes))
		var wrote int
		wrote, err = f.File.Write(p[n:min(len(p), n+paceBytes)])
		n += wrote
	}
	return n, err
}

// pass waits until a number of bytes may be written.
func (t *turn) pass(bytes int) {
	t.merged.Add(uint64(bytes))
	if t.cfg.Pace == nil {
		return
	}
	if t.hurry != nil && t.hurry() {
		t.hurried.Add(uint64(bytes))
		return
	}
	began := t.cfg.Now()
	// Who is to stop writes the rest at once.
	_ = t.cfg.Pace(t.ctx, bytes)
	t.last = t.cfg.Now()
	t.paced.Add(int64(t.last.Sub(began)))
}
