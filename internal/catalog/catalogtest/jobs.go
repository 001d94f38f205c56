package catalogtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
)

func job(n int, at time.Time) catalog.Job {
	return catalog.Job{
		ID: fmt.Sprintf("job-%03d", n), Kind: "bulk", State: []string{"running", "done"}[n%2], Node: fmt.Sprint("n", n%3),
		Index: name(n % 4), Total: int64(n), Done: int64(n / 2), Failed: 1, Bytes: 1 << 40, CreatedAt: at, UpdatedAt: at,
	}
}

func (cfg Config) jobs(t *testing.T) {
	ctx, c, now := cfg.open(t)
	_, err := c.Job(ctx, "unknown")
	require.ErrorIs(t, err, catalog.ErrNotFound)
	var want []catalog.Job
	for n := range 100 {
		j := job(n, now.now().Add(time.Duration(n/3)*time.Second))
		require.NoError(t, c.PutJob(ctx, j))
		want = append([]catalog.Job{j}, want...)
	}
	t.Run("pages, the newest first", func(t *testing.T) {
		for _, f := range []catalog.JobFilter{
			{},
			{State: "done"},
			{Index: name(2), Node: "n1"},
			{Kind: "reembed"},
		} {
			var selected, got []catalog.Job
			for _, j := range want {
				if (f.State == "" || f.State == j.State) && (f.Index == "" || f.Index == j.Index) &&
					(f.Node == "" || f.Node == j.Node) && (f.Kind == "" || f.Kind == j.Kind) {
					selected = append(selected, j)
				}
			}
			page := catalog.Page{Limit: 9}
			for {
				jobs, err := c.Jobs(ctx, f, page)
				require.NoError(t, err)
				got = append(got, jobs.Jobs...)
				if page.After = jobs.Next; page.After == "" {
					break
				}
			}
			require.Equal(t, selected, got)
		}
	})
	t.Run("an older report does not overwrite", func(t *testing.T) {
		j := job(7, now.now())
		j.UpdatedAt, j.EndedAt, j.State, j.Error = now.now().Add(time.Hour), now.now().Add(time.Hour), "failed", "x"
		require.NoError(t, c.PutJob(ctx, j))
		late := j
		late.UpdatedAt, late.State = now.now().Add(time.Minute), "running"
		require.NoError(t, c.PutJob(ctx, late))
		got, err := c.Job(ctx, j.ID)
		require.NoError(t, err)
		require.Equal(t, j, got)
	})
}

func (cfg Config) manyItems(t *testing.T) {
	ctx, c, now := cfg.open(t)
	j := job(1, now.now())
	require.ErrorIs(t, c.AddJobItems(ctx, j.ID, []catalog.JobItem{{Line: 1}}), catalog.ErrNotFound)
	require.NoError(t, c.PutJob(ctx, j))
	items := make([]catalog.JobItem, catalog.MaxJobItems+200)
	for i := range items {
		items[i] = catalog.JobItem{Line: int64(2*i + 1), ID: fmt.Sprint("d", i), Error: "field title: is a number"}
	}
	for at := 0; at < len(items); at += 300 {
		// A job that goes on after a crash tells some lines twice.
		require.NoError(t, c.AddJobItems(ctx, j.ID, items[max(at-50, 0):min(at+300, len(items))]))
	}
	require.NoError(t, c.PutJob(ctx, j), "progress does not count items anew")
	got, err := c.Job(ctx, j.ID)
	require.NoError(t, err)
	require.Equal(t, int64(200), got.Dropped)
	list, err := c.JobItems(ctx, j.ID, 0, 0)
	require.NoError(t, err)
	require.Equal(t, items[:catalog.MaxJobItems], list)
	list, err = c.JobItems(ctx, j.ID, 101, 5)
	require.NoError(t, err)
	require.Equal(t, items[51:56], list)
	list, err = c.JobItems(ctx, "unknown", 0, 5)
	require.NoError(t, err)
	require.Empty(t, list)
}
