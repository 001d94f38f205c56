package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/state"
	"sagasu/internal/catalog"
)

// catalogKeeper has the catalog of a node: opened as soon as that can be, and looked after. Nothing that the node needs
// waits for it.
type catalogKeeper struct {
	n *Node
	// present is nil until the catalog is open and has the schema of this build.
	present atomic.Pointer[catalog.Catalog]
	// trouble is why it isn't.
	trouble atomic.Pointer[error]

	searches *eventLog[catalog.SearchEvent]
	audits   *eventLog[catalog.AuditEvent]
	// share of all searches is logged: as many of 2^32.
	share uint64

	mu sync.Mutex
	// known are the indexes of the metadata last seen, by UUID; gone are those that are to be dropped.
	known, gone map[string]bool

	// told is how the jobs were when the catalog was told of them; of the loop that does so.
	told map[string]jobs.Status
}

// newCatalogKeeper makes a keeper; nil if there is no catalog.
func newCatalogKeeper(n *Node) (*catalogKeeper, error) {
	if n.cfg.OpenCatalog == nil {
		return nil, nil
	}
	k := &catalogKeeper{n: n, known: map[string]bool{}, gone: map[string]bool{}}
	k.share = uint64(n.cfg.SearchLog * (1 << 32))
	var err error
	k.searches, err = newEventLog(&n.cfg, "search_log", "searches", searchLogQueue,
		func(ctx context.Context, c catalog.Catalog, events []catalog.SearchEvent) error {
			return c.AppendSearches(ctx, events)
		})
	if err != nil {
		return nil, err
	}
	k.audits, err = newEventLog(&n.cfg, "audit_log", "audited changes", auditLogQueue,
		func(ctx context.Context, c catalog.Catalog, events []catalog.AuditEvent) error {
			return c.AppendAudit(ctx, events)
		})
	return k, err
}

// start runs the loops of the keeper.
func (k *catalogKeeper) start() {
	k.n.running.Go(k.keep)
	k.n.running.Go(func() { k.searches.run(k.n.ctx, k.get) })
	k.n.running.Go(func() { k.audits.run(k.n.ctx, k.get) })
	k.n.loop("tell the catalog of jobs", k.tellJobs)
	if k.n.meta.coordinator != nil {
		k.n.loop("drop deleted indexes from the catalog", k.dropDeleted)
	}
}

// get gives the catalog, or an error that says why there is none now: catalog.ErrUnavailable or catalog.ErrMigration.
func (k *catalogKeeper) get() (catalog.Catalog, error) {
	if c := k.present.Load(); c != nil {
		return *c, nil
	}
	if trouble := k.trouble.Load(); trouble != nil {
		return nil, *trouble
	}
	return nil, &catalog.UnavailableError{Reason: catalog.ReasonConnection, Err: errors.New("it is being opened")}
}

// keep opens the catalog, and looks after it until the node is closed.
func (k *catalogKeeper) keep() {
	opened, err := k.open()
	if err != nil {
		return // the node is closed
	}
	k.present.Store(&opened)
	k.n.cfg.Logger.Info("the catalog is open")
	for {
		ctx, cancel := context.WithTimeout(k.n.ctx, catalogMaintenance)
		if err := opened.Maintain(ctx, k.n.cfg.Now()); err != nil && k.n.ctx.Err() == nil {
			k.n.cfg.Logger.Warn("look after the catalog", "error", err)
		}
		cancel()
		select {
		case <-k.n.cfg.After(catalogMaintainEvery):
		case <-k.n.ctx.Done():
			return
		}
	}
}

// open tries until the catalog has the schema of this build.
func (k *catalogKeeper) open() (catalog.Catalog, error) {
	var opened catalog.Catalog
	told := ""
	for pause := catalogPause; ; pause = min(2*pause, maxCatalogPause) {
		var err error
		if opened == nil {
			opened, err = k.n.cfg.OpenCatalog(k.n.ctx)
		}
		if err == nil {
			err = opened.Migrate(k.n.ctx)
		}
		if err == nil {
			return opened, nil
		}
		k.trouble.Store(&err)
		if k.n.ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			k.n.cfg.Logger.Warn("open the catalog, which is tried again", "error", err)
		}
		select {
		case <-k.n.cfg.After(pause):
		case <-k.n.ctx.Done():
			if opened == nil {
				return nil, k.n.ctx.Err()
			}
			return nil, errors.Join(k.n.ctx.Err(), opened.Close())
		}
	}
}

// close closes the catalog, after all who use it.
func (k *catalogKeeper) close() error {
	k.searches.close()
	k.audits.close()
	if c := k.present.Load(); c != nil {
		return (*c).Close()
	}
	return nil
}

// dropDeleted has the catalog forget the indexes that are deleted. Each coordinator does: it is the same to do it once
// and several times. What all of them miss while they are stopped stays in the catalog, where nobody finds it.
func (k *catalogKeeper) dropDeleted(ctx context.Context, view *state.View) error {
	if !k.n.meta.Current() {
		return nil
	}
	k.mu.Lock()
	now := map[string]bool{}
	for _, x := range view.Indexes() {
		now[x.UUID] = true
	}
	for uuid := range k.known {
		if !now[uuid] {
			k.gone[uuid] = true
		}
	}
	k.known = now
	gone := make([]string, 0, len(k.gone))
	for uuid := range k.gone {
		gone = append(gone, uuid)
	}
	k.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	c, err := k.get()
	if err != nil {
		return err
	}
	for _, uuid := range gone {
		if err := c.DropIndex(ctx, uuid); err != nil {
			return fmt.Errorf("index %s: %w", uuid, err)
		}
		k.mu.Lock()
		delete(k.gone, uuid)
		k.mu.Unlock()
	}
	return nil
}

// catalog gives the node's catalog, or the *api.Problem that says why there is none.
func (n *Node) catalog() (catalog.Catalog, error) {
	if n.register == nil {
		return nil, api.NewProblem(api.ProblemUnavailable, 503, "",
			"no catalog is configured on this node (setting catalog), so nobody keeps this")
	}
	c, err := n.register.get()
	return c, catalogProblem(err)
}

// catalogProblem gives errors of the catalog the meaning that clients know.
func catalogProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, catalog.ErrInvalid):
		if value, ok := errors.AsType[*catalog.ValueError](err); ok {
			return api.NewProblem(api.ProblemRequest, 400, parameterOf(value.Name), "%s", value.Why)
		}
		return api.NewProblem(api.ProblemRequest, 400, "", "%v", err)
	case errors.Is(err, catalog.ErrNotFound):
		return api.NewProblem(api.ProblemNotFound, 404, "", "%v", err)
	case errors.Is(err, catalog.ErrUnavailable), errors.Is(err, catalog.ErrMigration),
		errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(api.ProblemUnavailable, 503, "", "%v; searches and writes go on without it", err)
	}
	return err
}

// parameterOf gives the parameter of a request that holds what the catalog names so.
func parameterOf(name string) string {
	if name == "text" {
		return "q"
	}
	return name
}

const (
	// catalogPause and maxCatalogPause bound the wait before the catalog is opened again.
	catalogPause    = 100 * time.Millisecond
	maxCatalogPause = 5 * time.Second
	// catalogMaintainEvery is how often partitions are made and what is old is removed, catalogMaintenance how long that
	// may take.
	catalogMaintainEvery = time.Hour
	catalogMaintenance   = 30 * time.Minute
)
