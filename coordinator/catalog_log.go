package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/internal/obs"
)

// eventLog brings events to the catalog in batches. Whoever has one never waits: what comes while too many wait is
// dropped and counted.
type eventLog[E any] struct {
	what    string
	queue   chan E
	append  func(ctx context.Context, c catalog.Catalog, events []E) error
	now     func() time.Time
	after   func(time.Duration) <-chan time.Time
	logger  *slog.Logger
	dropped prometheus.Counter
	written prometheus.Counter

	registry prometheus.Registerer
	metrics  []prometheus.Collector
}

// newEventLog makes the log; name begins the names of its metrics, what says what is logged.
func newEventLog[E any](cfg *Config, name, what string, queue int,
	appendEvents func(ctx context.Context, c catalog.Catalog, events []E) error,
) (*eventLog[E], error) {
	l := &eventLog[E]{
		what: what, queue: make(chan E, queue), append: appendEvents, now: cfg.Now, after: cfg.After, logger: cfg.Logger,
		registry: cfg.Registry,
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name + "_dropped_total", Help: "Events that were not logged, because too many waited for the catalog.",
		}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name + "_written_total", Help: "Events that the catalog has.",
		}),
	}
	l.metrics = []prometheus.Collector{
		l.dropped, l.written,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name + "_waiting", Help: "Events that wait for the catalog.",
		}, func() float64 { return float64(len(l.queue)) }),
	}
	if err := obs.Register(l.registry, l.metrics); err != nil {
		return nil, fmt.Errorf("register metrics of the log of %s: %w", what, err)
	}
	return l, nil
}

func (l *eventLog[E]) close() { obs.Unregister(l.registry, l.metrics) }

// add logs an event, or drops it.
func (l *eventLog[E]) add(e E) {
	select {
	case l.queue <- e:
	default:
		l.dropped.Inc()
	}
}

// run brings what is added to the catalog until ctx ends, and then what is left, if the catalog takes it at once.
func (l *eventLog[E]) run(ctx context.Context, get func() (catalog.Catalog, error)) {
	batch := make([]E, 0, eventBatch)
	for {
		batch = l.gather(ctx, batch[:0])
		if len(batch) > 0 {
			l.bring(ctx, get, batch)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// gather waits for a first event and takes those that come within eventPause, up to eventBatch.
func (l *eventLog[E]) gather(ctx context.Context, batch []E) []E {
	select {
	case e := <-l.queue:
		batch = append(batch, e)
	case <-ctx.Done():
		return l.rest(batch)
	}
	end := l.after(eventPause)
	for len(batch) < eventBatch {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		case <-end:
			return batch
		case <-ctx.Done():
			return l.rest(batch)
		}
	}
	return batch
}

// rest takes what waits without waiting for more.
func (l *eventLog[E]) rest(batch []E) []E {
	for len(batch) < cap(batch) {
		select {
		case e := <-l.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// bring tries until the catalog has the batch, or never will.
func (l *eventLog[E]) bring(ctx context.Context, get func() (catalog.Catalog, error), batch []E) {
	told := ""
	for pause := catalogPause; ; pause = min(2*pause, maxCatalogPause) {
		c, err := get()
		if err == nil {
			// The last batch is brought after ctx has ended.
			call, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTimeout)
			err = l.append(call, c, batch)
			cancel()
		}
		switch {
		case err == nil:
			l.written.Add(float64(len(batch)))
			return
		case errors.Is(err, catalog.ErrInvalid), ctx.Err() != nil:
			l.logger.Warn("events are lost", "what", l.what, "events", len(batch), "error", err)
			l.dropped.Add(float64(len(batch)))
			return
		case err.Error() != told:
			told = err.Error()
			l.logger.Warn("events wait for the catalog", "what", l.what, "error", err)
		}
		select {
		case <-l.after(pause):
		case <-ctx.Done():
		}
	}
}

// logSearch logs a search that was answered. It is on the way of every search.
func (k *catalogKeeper) logSearch(l *layout, req *api.SearchRequest, answer *api.SearchResponse, at time.Time) {
	if k == nil || k.share == 0 || k.share < 1<<32 && uint64(rand.Uint32()) >= k.share {
		return
	}
	event := catalog.SearchEvent{
		At: at, Index: l.UUID, Query: req.Asked, Mode: string(req.Mode),
		Took: time.Duration(answer.TookMS * float64(time.Millisecond)), Total: int64(answer.Total.Value),
		Hits: len(answer.Hits), ZeroHits: len(answer.Hits) == 0 && answer.Total.Value == 0,
	}
	for i := range answer.Degraded {
		event.Degraded = append(event.Degraded, string(answer.Degraded[i].Reason))
	}
	k.searches.add(event)
}

// Audit takes note of something that was done: in the node's own log, and in the catalog if there is one.
func (n *Node) Audit(e api.AuditEvent) {
	n.cfg.Logger.Info("audit", "action", e.Action, "target", e.Target, "outcome", e.Outcome, "principal", e.Principal,
		"request_id", e.RequestID, "detail", e.Detail)
	if n.register == nil {
		return
	}
	n.register.audits.add(catalog.AuditEvent{
		At: e.At, Principal: plain(e.Principal), Action: e.Action, Target: plain(e.Target), Outcome: e.Outcome,
		Detail: plain(e.Detail), RequestID: plain(e.RequestID),
	})
}

// plain makes text of a client one that a database takes.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

const (
	// searchLogQueue and auditLogQueue are how many events wait for the catalog: searches of a few seconds under full
	// load, and all changes that people make while it is away.
	searchLogQueue = 16_384
	auditLogQueue  = 4_096
	// eventBatch and eventPause end a batch.
	eventBatch = 1_000
	eventPause = time.Second
	// eventTimeout bounds bringing one.
	eventTimeout = 10 * time.Second
)
