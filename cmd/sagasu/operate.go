package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// post sends a value as JSON.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.callJSON(ctx, http.MethodPost, path, body, out)
}

// changing are the flags of commands that change a running cluster.
type changing struct {
	dryRun, yes, wait bool
	throttle          string
}

func (f *changing) add(c *cobra.Command, what string) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only tell what would be done")
	c.Flags().BoolVar(&f.yes, "yes", false, "do it without asking")
	c.Flags().BoolVar(&f.wait, "watch", false, "wait until "+what+" has ended, and tell of its progress")
}

func (f *changing) addThrottle(c *cobra.Command) {
	c.Flags().StringVar(&f.throttle, "throttle", "", "most bytes a second that a move copies, such as 20MiB; "+
		"default is the cluster's setting")
}

// bytesPerSecond reads --throttle; 0 if it is not given.
func (f *changing) bytesPerSecond() (uint64, error) {
	if f.throttle == "" {
		return 0, nil
	}
	text, factor := f.throttle, uint64(1)
	for _, unit := range []struct {
		name   string
		factor uint64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		if number, ok := strings.CutSuffix(text, unit.name); ok {
			text, factor = strings.TrimSpace(number), unit.factor
		}
	}
	n, err := strconv.ParseUint(text, 10, 40)
	if err != nil || n == 0 || n > api.MaxThrottle/factor {
		return 0, usageError("--throttle is %q, must be a number of bytes, KiB, MiB or GiB", f.throttle)
	}
	return n * factor, nil
}

// confirmed reports whether what was shown is to be done; it asks unless --yes is given.
func (f *changing) confirmed(t *terminal) (bool, error) {
	if f.yes {
		return true, nil
	}
	if err := t.message("Do it? Type yes to go on:"); err != nil {
		return false, err
	}
	var answer string
	if _, err := fmt.Fscanln(t.in, &answer); err != nil || answer != "yes" {
		return false, usageError("not confirmed: nothing was done (--yes does without asking)")
	}
	return true, nil
}

func moveCommand(t *terminal) *cobra.Command {
	var f changing
	var from, to string
	c := &cobra.Command{
		Use:   "move SHARD --from NODE --to NODE",
		Short: "Bring a replica of a shard to another node",
		Args:  exactly(1),
	}
	c.Flags().StringVar(&from, "from", "", "node that has the replica")
	c.Flags().StringVar(&to, "to", "", "node that is to have it")
	f.add(c, "the move")
	f.addThrottle(c)
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		throttle, err := f.bytesPerSecond()
		switch {
		case err != nil:
			return err
		case from == "" || to == "":
			return usageError("--from and --to must be set")
		}
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		request := map[string]any{
			"shard": args[0], "from": from, "to": to, "dry_run": true, "throttle_bytes_per_second": throttle,
		}
		var m api.Move
		if err := server.post(c.Context(), "/v1/cluster/move", request, &m); err != nil {
			return err
		}
		if f.dryRun {
			return t.printMoves([]api.Move{m}, m)
		}
		if !f.yes {
			if err := t.printMoves([]api.Move{m}, m); err != nil {
				return err
			}
		}
		if ok, err := f.confirmed(t); !ok {
			return err
		}
		request["dry_run"] = false
		if err := server.post(c.Context(), "/v1/cluster/move", request, &m); err != nil {
			return err
		}
		return t.begun(c.Context(), server, m.Operation, f.wait)
	}
	return c
}

// printMoves prints moves, or whole as JSON.
func (t *terminal) printMoves(moves []api.Move, whole any) error {
	if t.format == formatJSON {
		return t.printJSON(whole)
	}
	rows := [][]string{}
	for _, m := range moves {
		rows = append(rows, []string{
			m.Index, m.Shard, orDash(m.From), orDash(m.To), byteSize(int64(m.Bytes)),
			fmt.Sprintf("%.0fs", m.EstimateSeconds), fit(m.Reason, 100),
		})
	}
	return t.printTable([]string{"INDEX", "SHARD", "FROM", "TO", "BYTES", "ABOUT", "REASON"}, rows)
}

// begun tells of an operation that has begun, and waits for its end if asked to.
func (t *terminal) begun(ctx context.Context, server *client, operation string, wait bool) error {
	if err := t.message("operation %s has begun", operation); err != nil || !wait {
		return err
	}
	return t.await(ctx, server, operation)
}

func rebalanceCommand(t *terminal) *cobra.Command {
	var f changing
	c := &cobra.Command{
		Use:   "rebalance",
		Short: "Bring replicas to where they should be",
		Long: "Plans the fewest moves after which replicas of a shard are in different zones, no disk is too full, and\n" +
			"replicas, bytes and searches are even over the nodes; shows them, and does them if told so.",
		Args: exactly(0),
	}
	f.add(c, "the rebalance")
	f.addThrottle(c)
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		throttle, err := f.bytesPerSecond()
		if err != nil {
			return err
		}
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		request := map[string]any{"dry_run": true, "throttle_bytes_per_second": throttle}
		var plan api.RebalancePlan
		if err := server.post(c.Context(), "/v1/cluster/rebalance", request, &plan); err != nil {
			return err
		}
		if err := t.printPlan(&plan); err != nil || f.dryRun || len(plan.Moves) == 0 {
			return err
		}
		if ok, err := f.confirmed(t); !ok {
			return err
		}
		request["dry_run"] = false
		if err := server.post(c.Context(), "/v1/cluster/rebalance", request, &plan); err != nil {
			return err
		}
		if plan.Operation == "" {
			return t.message("nothing is to be moved any more")
		}
		return t.begun(c.Context(), server, plan.Operation, f.wait)
	}
	return c
}

// printPlan prints the moves of a plan and what nodes carry.
func (t *terminal) printPlan(plan *api.RebalancePlan) error {
	if t.format == formatJSON {
		return t.printJSON(plan)
	}
	rows := [][]string{}
	for _, n := range plan.Nodes {
		state := "alive"
		if !n.Alive {
			state = "away"
		}
		if n.Drained != "" {
			state += ", drained to " + n.Drained
		}
		rows = append(rows, []string{
			n.Node, orDash(n.Zone), state, fmt.Sprintf("%d%%", n.DiskUsedPercent), change(n.Replicas, n.ReplicasAfter),
			byteSize(int64(n.Bytes)) + " > " + byteSize(int64(n.BytesAfter)),
			fmt.Sprintf("%.1f > %.1f", n.SearchesPerSec, n.SearchesAfter),
		})
	}
	err := t.printTable([]string{"NODE", "ZONE", "STATE", "DISK", "REPLICAS", "BYTES", "READS/S"}, rows)
	if err != nil {
		return err
	}
	for _, u := range plan.Unmet {
		if err := t.message("can't be met: %s", u); err != nil {
			return err
		}
	}
	if len(plan.Moves) == 0 {
		return t.message("nothing is to be moved")
	}
	if err := t.printMoves(plan.Moves, nil); err != nil {
		return err
	}
	more := ""
	if plan.More {
		more = "; more would follow"
	}
	return t.message("%d moves, %s, about %.0f s%s", len(plan.Moves), byteSize(int64(plan.Bytes)), plan.EstimateSeconds,
		more)
}

func change(before, after int) string { return fmt.Sprintf("%d > %d", before, after) }

func explainCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "shard SHARD", Short: "Tell why the replicas of a shard are where they are", Args: exactly(1),
	}
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		var e api.ShardExplanation
		path := "/v1/cluster/shards/" + url.PathEscape(args[0]) + "/explain"
		if err := server.callJSON(c.Context(), http.MethodGet, path, nil, &e); err != nil {
			return err
		}
		if t.format == formatJSON {
			return t.printJSON(e)
		}
		rows := [][]string{}
		for _, n := range e.Nodes {
			verdict := "no"
			switch {
			case n.Here:
				verdict = "has one"
			case n.Possible:
				verdict = "might"
			}
			rows = append(rows, []string{n.Node, orDash(n.Zone), verdict, strings.Join(n.Reasons, "; ")})
		}
		if err := t.printTable([]string{"NODE", "ZONE", "REPLICA", "WHY"}, rows); err != nil {
			return err
		}
		if e.Unassigned != "" {
			return t.message("%s", e.Unassigned)
		}
		return nil
	}
	return group(&cobra.Command{Use: "explain", Short: "Tell why something is as it is"}, c)
}
