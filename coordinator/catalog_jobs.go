package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/state"
	"sagasu/internal/catalog"
)

// tellJobs tells the catalog of the jobs of this node that went on since, and of what failed in them. It is told
// everything once after a start, which changes nothing there.
func (k *catalogKeeper) tellJobs(ctx context.Context, _ *state.View) error {
	c, err := k.get()
	if err != nil {
		return nil //nolint:nilerr // who opens the catalog tells of it
	}
	var errs []error
	list := k.n.jobs.List()
	told := map[string]jobs.Status{}
	for i := range list {
		s := list[i]
		before, known := k.told[s.ID]
		if due := !known || s.State != before.State || s.UpdatedMillis-before.UpdatedMillis >=
			jobProgressEvery.Milliseconds(); s.State == jobs.StateReceived || !due {
			if known {
				told[s.ID] = before
			}
			continue
		}
		if err := k.tellJob(ctx, c, &s, before.Kept); err != nil {
			errs = append(errs, fmt.Errorf("job %s: %w", s.ID, err))
			continue
		}
		told[s.ID] = s
	}
	k.told = told
	return errors.Join(errs...)
}

// tellJob tells of one job; of its errors the catalog has so many.
func (k *catalogKeeper) tellJob(ctx context.Context, c catalog.Catalog, s *jobs.Status, has int) error {
	job := catalog.Job{
		ID: s.ID, Kind: jobs.Kind, State: string(s.State), Node: k.n.who.Load().ID, Index: s.UUID, Total: s.TotalItems,
		Done: s.Done, Failed: s.Failed, Bytes: s.Bytes, CreatedAt: time.UnixMilli(s.CreatedMillis),
		UpdatedAt: time.UnixMilli(s.UpdatedMillis), Error: s.Error,
	}
	if s.State.Ended() {
		job.EndedAt = job.UpdatedAt
	}
	if err := c.PutJob(ctx, job); err != nil {
		return err
	}
	if s.Kept == has {
		return nil
	}
	page, err := k.n.jobs.Errors(s.ID, 0, jobs.MaxErrors)
	if err != nil {
		return nil //nolint:nilerr // it was removed meanwhile
	}
	items := make([]catalog.JobItem, len(page.Errors))
	for i, e := range page.Errors {
		items[i] = catalog.JobItem{Line: e.Line, ID: plain(e.ID), Error: plain(e.Error.Error())}
	}
	return c.AddJobItems(ctx, s.ID, items)
}

// catalogJob gives what the catalog knows of a job.
func (n *Node) catalogJob(ctx context.Context, id string) (catalog.Job, error) {
	c, err := n.catalog()
	if err != nil {
		return catalog.Job{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	return c.Job(ctx, id)
}

// forgottenOperation gives an operation that the metadata do not know any more, if the catalog does.
func (n *Node) forgottenOperation(ctx context.Context, id string) (api.Operation, error) {
	job, err := n.catalogJob(ctx, id)
	if err != nil {
		return api.Operation{}, noOperation(id)
	}
	o := api.Operation{
		ID: id, Kind: job.Kind, State: job.State, Index: n.indexName(job.Index), Node: job.Node, Error: job.Error,
		Done: uint64(job.Done + job.Failed), Total: uint64(job.Total), CreatedMillis: job.CreatedAt.UnixMilli(),
		UpdatedMillis: job.UpdatedAt.UnixMilli(), Job: jobProgress(&job),
	}
	return o, nil
}

// addCatalogJob adds what the catalog knows of a job, if it can be asked.
func (n *Node) addCatalogJob(ctx context.Context, o *api.Operation) {
	if job, err := n.catalogJob(ctx, o.ID); err == nil {
		o.Job = jobProgress(&job)
	}
}

func jobProgress(job *catalog.Job) *api.JobProgress {
	return &api.JobProgress{
		Bytes: job.Bytes, Items: job.Done + job.Failed, TotalItems: job.Total, Failed: job.Failed,
		ErrorsDropped: job.Dropped, From: api.FromCatalog,
	}
}

// catalogJobErrors gives the errors of a job that the catalog knows, or else why its node did not tell.
func (n *Node) catalogJobErrors(ctx context.Context, id string, after int64, limit int, why error) (
	api.JobErrors, error,
) {
	job, err := n.catalogJob(ctx, id)
	if err != nil {
		return api.JobErrors{}, why
	}
	c, err := n.catalog()
	if err != nil {
		return api.JobErrors{}, why
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	items, err := c.JobItems(ctx, id, after, limit)
	if err != nil {
		return api.JobErrors{}, errors.Join(why, err)
	}
	out := api.JobErrors{Dropped: job.Dropped, From: api.FromCatalog}
	for _, item := range items {
		p := api.NewProblem(api.ProblemDocument, 400, "", "%s", item.Error)
		out.Errors = append(out.Errors, api.JobError{Line: item.Line, ID: item.ID, Error: p})
	}
	if len(items) == limit {
		out.Next = items[limit-1].Line
	}
	return out, nil
}

// indexName gives the name of the index of a UUID, the UUID itself if it is gone.
func (n *Node) indexName(uuid string) string {
	for _, x := range n.meta.View().Indexes() {
		if x.UUID == uuid {
			return x.Name
		}
	}
	return uuid
}
