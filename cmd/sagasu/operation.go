package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// pollEvery is how often --wait looks for an operation's end.
const pollEvery = 500 * time.Millisecond

func operationsCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "operations", Short: "List what runs or ran for longer; wait for it, pause or cancel it"}
	steered := func(action, short string) *cobra.Command {
		return operationStepCommand(t, action+" ID", short, func(ctx context.Context, server *client, id string) error {
			var o api.Operation
			if err := server.callJSON(ctx, http.MethodPost, operationPath(id)+"/"+action, nil, &o); err != nil {
				return err
			}
			return t.message("operation %s is %s", o.ID, o.State)
		})
	}
	c.AddCommand(steered("pause", "Let an operation rest"), steered("resume", "Let a paused operation go on"),
		throttleCommand(t), undoCommand(t))
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
			rows = append(rows, operationRow(&o))
		}
		return t.printTable([]string{"OPERATION", "KIND", "STATE", "STEP", "DONE", "BY", "WHAT"}, rows)
	})
}

func operationRow(o *api.Operation) []string {
	id, state, what := o.ID, o.State, o.Reason
	if o.Parent != "" {
		id = "  " + id
	}
	if o.PausedBy != "" {
		state += " (" + o.PausedBy + ")"
	}
	if o.Error != "" {
		what += ": " + o.Error
	}
	return []string{id, o.Kind, state, o.Step, progressOf(o), o.RequestedBy, fit(what, 100)}
}

func throttleCommand(t *terminal) *cobra.Command {
	var f changing
	c := operationStepCommand(t, "throttle ID", "Change how fast an operation copies",
		func(ctx context.Context, server *client, id string) error {
			n, err := f.bytesPerSecond()
			if err != nil {
				return err
			}
			var o api.Operation
			if err := server.post(ctx, operationPath(id)+"/throttle", map[string]uint64{"bytes_per_second": n}, &o); err != nil {
				return err
			}
			return t.message("operation %s copies at most %s/s", o.ID, byteSize(int64(o.ThrottleBytesPerSecond)))
		})
	f.addThrottle(c)
	return c
}

func undoCommand(t *terminal) *cobra.Command {
	return operationStepCommand(t, "undo ID", "Bring back what an ended move or rebalance has moved",
		func(ctx context.Context, server *client, id string) error {
			var plan api.RebalancePlan
			if err := server.callJSON(ctx, http.MethodPost, operationPath(id)+"/undo", nil, &plan); err != nil {
				return err
			}
			return t.message("operation %s has begun: %d moves back", plan.Operation, len(plan.Moves))
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
	text := ""
	switch {
	case o.TotalBytes != 0:
		text = fmt.Sprintf("%d%% of %s", 100*min(o.Bytes, o.TotalBytes)/o.TotalBytes, byteSize(int64(o.TotalBytes)))
	case o.Total != 0:
		text = fmt.Sprintf("%d%%", 100*min(o.Done, o.Total)/o.Total)
	default:
		return ""
	}
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
		if line := strings.Join(strings.Fields(o.State+" "+o.Step+" "+progressOf(&o)+" "+o.Error), " "); line != told {
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
