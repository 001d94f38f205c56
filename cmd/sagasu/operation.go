package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// pollEvery is how often --wait looks for an operation's end.
const pollEvery = 500 * time.Millisecond

func operationsCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "operations", Short: "List what runs or ran for longer; wait for it, or cancel it"}
	c.AddCommand(operationStepCommand(t, "wait ID", "Wait until an operation has ended",
		func(ctx context.Context, server *client, id string) error { return t.await(ctx, server, id) }),
		operationStepCommand(t, "cancel ID", "Ask an operation to end",
			func(ctx context.Context, server *client, id string) error {
				var o api.Operation
				if err := server.callJSON(ctx, http.MethodDelete, operationPath(id), nil, &o); err != nil {
					return err
				}
				return t.message("operation %s is %s", o.ID, o.State)
			}))
	return watched(c, t, func(ctx context.Context, server *client) error {
		var answer struct {
			Operations []api.Operation `json:"operations"`
		}
		if err := server.callJSON(ctx, http.MethodGet, "/v1/operations", nil, &answer); err != nil {
			return err
		}
		if t.format == formatJSON {
			return t.printJSON(answer.Operations)
		}
		rows := [][]string{}
		for _, o := range answer.Operations {
			what := o.Reason
			if o.Error != "" {
				what += ": " + o.Error
			}
			rows = append(rows, []string{o.ID, o.Kind, o.State, progressOf(&o), fit(what, 100)})
		}
		return t.printTable([]string{"OPERATION", "KIND", "STATE", "DONE", "WHAT"}, rows)
	})
}

func operationPath(id string) string { return "/v1/operations/" + url.PathEscape(id) }

func operationStepCommand(t *terminal, use, short string,
	do func(ctx context.Context, server *client, id string) error,
) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			return do(c.Context(), server, args[0])
		},
	}
	addServerFlag(c)
	return c
}

// progressOf says how much of an operation is done, and when it may end.
func progressOf(o *api.Operation) string {
	if o.Total == 0 {
		return ""
	}
	text := fmt.Sprintf("%d%%", 100*min(o.Done, o.Total)/o.Total)
	if o.EstimateSeconds == 0 {
		return text
	}
	left := time.Duration(o.EstimateSeconds * float64(time.Second))
	return text + ", about " + left.Round(time.Second).String() + " left"
}

// ended reports whether an operation never changes again.
func ended(o *api.Operation) bool {
	return o.State == "done" || o.State == "failed" || o.State == "cancelled"
}

// await waits for an operation's end and tells of its progress; one that did not do its work is an error.
func (t *terminal) await(ctx context.Context, server *client, id string) error {
	told := ""
	for {
		var o api.Operation
		if err := server.callJSON(ctx, http.MethodGet, operationPath(id), nil, &o); err != nil {
			return err
		}
		if line := o.State + " " + progressOf(&o) + " " + o.Error; line != told {
			told = line
			if err := t.message("%s: %s", o.ID, fit(line, 200)); err != nil {
				return err
			}
		}
		switch {
		case o.State == "done":
			return nil
		case ended(&o):
			return fmt.Errorf("operation %s has %s: %s", o.ID, o.State, o.Error)
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
