package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// jobKind is the kind of operation that a bulk in the background is.
const jobKind = "bulk"

func jobsCommand(t *terminal) *cobra.Command {
	j := &jobLook{terminal: t}
	c := &cobra.Command{
		Use:   "jobs [ID]",
		Short: "List bulks in the background; look at one, wait for it, cancel it",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("%s takes one id at most, got %d: %s", c.CommandPath(), len(args), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if j.server, err = newClient(c, t.env); err != nil {
				return err
			}
			if len(args) == 1 {
				return j.one(c.Context(), args[0])
			}
			if j.wait || j.cancel || j.errors {
				return usageError("--wait, --errors and --cancel need the id of a job")
			}
			return j.list(c.Context())
		},
	}
	c.Flags().BoolVar(&j.wait, "wait", false, "wait until it has ended; the exit code is 4 if items failed")
	c.Flags().BoolVar(&j.errors, "errors", false, "list the items that failed")
	c.Flags().BoolVar(&j.cancel, "cancel", false, "end it; what is written stays")
	addServerFlag(c)
	return c
}

// jobLook is one look at jobs.
type jobLook struct {
	*terminal
	server               *client
	wait, errors, cancel bool
}

func (j *jobLook) list(ctx context.Context) error {
	var answer struct {
		Operations []api.Operation `json:"operations"`
	}
	if err := j.server.callJSON(ctx, http.MethodGet, "/v1/operations", nil, &answer); err != nil {
		return err
	}
	jobs := []api.Operation{}
	rows := [][]string{}
	for _, o := range answer.Operations {
		if o.Kind != jobKind {
			continue
		}
		jobs = append(jobs, o)
		created := time.UnixMilli(o.CreatedMillis).Local().Format(time.DateTime)
		rows = append(rows, []string{
			o.ID, o.Index, o.Node, o.State, fmt.Sprintf("%d/%d", o.Done, o.Total), created, fit(o.Error, 60),
		})
	}
	if j.format == formatJSON {
		return j.printJSON(jobs)
	}
	return j.printTable([]string{"JOB", "INDEX", "NODE", "STATE", "ITEMS", "SINCE", "ERROR"}, rows)
}

func (j *jobLook) one(ctx context.Context, id string) error {
	if j.cancel {
		if err := j.server.callJSON(ctx, http.MethodDelete, operationPath(id), nil, nil); err != nil {
			return err
		}
	}
	failed := error(nil)
	if j.wait {
		failed = j.await(ctx, j.server, id)
		var refused *serverError
		var coded *exitError
		if errors.As(failed, &refused) || errors.As(failed, &coded) || ctx.Err() != nil {
			return failed
		}
	}
	var o api.Operation
	if err := j.server.callJSON(ctx, http.MethodGet, operationPath(id), nil, &o); err != nil {
		return err
	}
	if err := j.show(&o); err != nil {
		return err
	}
	if j.errors {
		if err := j.list1(ctx, id); err != nil {
			return err
		}
	}
	if j.cancel && j.wait && o.State == "cancelled" {
		return nil
	}
	if failed == nil && j.wait && o.Job != nil && o.Job.Failed > 0 {
		failed = fmt.Errorf("%d of %d items failed", o.Job.Failed, o.Job.Items)
		return &exitError{code: exitPartial, err: failed}
	}
	return failed
}

func (j *jobLook) show(o *api.Operation) error {
	if j.format == formatJSON {
		return j.printJSON(o)
	}
	rows := [][]string{
		{"job", o.ID}, {"index", o.Index}, {"node", o.Node}, {"state", o.State},
	}
	if p := o.Job; p != nil {
		rows = append(rows,
			[]string{"items", fmt.Sprintf("%d of %d, %d failed", p.Items, p.TotalItems, p.Failed)},
			[]string{"bytes", fmt.Sprintf("%d of %d", p.Bytes, p.TotalBytes)})
		if !ended(o) && p.ItemsPerSecond > 0 {
			left := time.Duration(p.EstimateSeconds * float64(time.Second)).Round(time.Second)
			rows = append(rows, []string{"rate", fmt.Sprintf("%.0f/s, %s left", p.ItemsPerSecond, left)})
		}
		if p.Trouble != "" {
			rows = append(rows, []string{"waits for", fit(p.Trouble, 200)})
		}
		if p.From == api.FromCatalog {
			rows = append(rows, []string{"note", "its node does not answer; this is from the catalog"})
		}
	}
	if o.Error != "" {
		rows = append(rows, []string{"error", o.Error})
	}
	return j.printColumns(rows)
}

// list1 prints the items of a job that failed, page by page.
func (j *jobLook) list1(ctx context.Context, id string) error {
	after := int64(0)
	for {
		var page api.JobErrors
		path := operationPath(id) + "/errors?limit=1000&after=" + strconv.FormatInt(after, 10)
		if err := j.server.callJSON(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, e := range page.Errors {
			if j.format == formatJSON {
				if err := j.printJSON(e); err != nil {
					return err
				}
				continue
			}
			if _, err := fmt.Fprintf(j.out, "line %d, id %q: %s\n", e.Line, e.ID, e.Error.Error()); err != nil {
				return err
			}
		}
		if after = page.Next; after == 0 {
			if page.Dropped > 0 {
				return j.message("%d more items failed; they are only counted", page.Dropped)
			}
			return nil
		}
	}
}
