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

func drainPath(node string) string { return "/v1/cluster/nodes/" + url.PathEscape(node) + "/drain" }

func drainCommand(t *terminal) *cobra.Command {
	var f changing
	var mode string
	var lease time.Duration
	c := &cobra.Command{
		Use:   "drain NODE",
		Short: "Make a node ready for a restart or its removal; tell how far that is",
		Long: "Makes a node ready for a restart (it keeps its replicas, hands its leaderships over, and is asked last) or\n" +
			"for its removal (its replicas are brought to others). SIGTERM does the former by itself.",
		Args: exactly(1),
	}
	c.Flags().StringVar(&mode, "mode", "restart", "restart or remove")
	c.Flags().DurationVar(&lease, "lease", 0, "how long the node may be away for a restart before its replicas are "+
		"rebuilt; default is the cluster's setting")
	f.add(c, "the node is drained")
	status := c.Flags().Bool("status", false, "only tell how far it is")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		if *status {
			return t.showDrain(c.Context(), server, args[0], false)
		}
		request := map[string]any{"mode": mode, "dry_run": f.dryRun}
		if lease != 0 {
			request["lease_seconds"] = int(lease.Seconds())
		}
		if !f.dryRun {
			if err := t.message("node %s is to be drained for a %s", args[0], mode); err != nil {
				return err
			}
			if ok, err := f.confirmed(t); !ok {
				return err
			}
		}
		var d api.DrainStatus
		if err := server.post(c.Context(), drainPath(args[0]), request, &d); err != nil {
			return err
		}
		if f.dryRun {
			return t.printDrain(&d)
		}
		return t.showDrain(c.Context(), server, args[0], f.wait)
	}
	return c
}

// showDrain tells how far the draining of a node is, until its end if asked to.
func (t *terminal) showDrain(ctx context.Context, server *client, node string, wait bool) error {
	for {
		var d api.DrainStatus
		if err := server.callJSON(ctx, http.MethodGet, drainPath(node), nil, &d); err != nil {
			return err
		}
		if err := t.printDrain(&d); err != nil || !wait || d.State == "drained" {
			return err
		}
		if d.State == "none" {
			return fmt.Errorf("node %s is not drained any more", node)
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *terminal) printDrain(d *api.DrainStatus) error {
	if t.format == formatJSON {
		return t.printJSON(d)
	}
	return t.printTable([]string{"NODE", "STATE", "MODE", "LEADERS LEFT", "IN FLIGHT", "REPLICAS LEFT", "ABOUT"}, [][]string{{
		d.Node, d.State, orDash(d.Mode), fmt.Sprint(d.LeadersLeft), fmt.Sprint(d.InFlight), fmt.Sprint(d.ReplicasLeft),
		fmt.Sprintf("%.0fs", d.EstimateSeconds),
	}})
}

func undrainCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "undrain NODE", Short: "Let a node that is drained serve as before", Args: exactly(1)}
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		if err := server.callJSON(c.Context(), http.MethodDelete, drainPath(args[0]), nil, nil); err != nil {
			return err
		}
		return t.message("node %s is not drained any more", args[0])
	}
	return c
}
