package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// watchEvery is how often --watch prints anew.
const watchEvery = 2 * time.Second

// clearScreen moves the cursor home and clears what is below, which flickers less than clearing first.
const clearScreen = "\x1b[H\x1b[J"

// watched makes a command that prints something once, or with --watch again and again.
func watched(c *cobra.Command, t *terminal, show func(ctx context.Context, server *client) error) *cobra.Command {
	c.Args = exactly(0)
	watch := c.Flags().Bool("watch", false, "print anew every "+watchEvery.String()+" until interrupted")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		for {
			if *watch && t.format == formatTable {
				if _, err := fmt.Fprint(t.out, clearScreen); err != nil {
					return err
				}
			}
			if err := show(c.Context(), server); err != nil || !*watch {
				return err
			}
			select {
			case <-time.After(watchEvery):
			case <-c.Context().Done():
				return nil
			}
		}
	}
	return c
}

func statusCommand(t *terminal) *cobra.Command {
	return watched(&cobra.Command{Use: "status", Short: "Tell how the cluster is"}, t,
		func(ctx context.Context, server *client) error {
			var s api.ClusterStatus
			if err := server.callJSON(ctx, http.MethodGet, "/v1/cluster", nil, &s); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(s)
			}
			metadata := fmt.Sprintf("version %d", s.Version)
			if !s.Current {
				metadata += ", as it was when a coordinator was last reached"
			}
			rows := [][]string{
				{"cluster", s.ClusterID},
				{"health", string(s.Health)},
				{"asked", s.Node},
				{"leader", orNone(s.Leader)},
				{"metadata", metadata},
				{"nodes", fmt.Sprintf("%d, %d alive", s.Nodes, s.NodesAlive)},
				{"indexes", fmt.Sprintf("%d in %d shards", s.Indexes, s.Shards)},
			}
			for i, p := range s.Problems {
				label := ""
				if i == 0 {
					label = "problems"
				}
				rows = append(rows, []string{label, p})
			}
			return t.printColumns(rows)
		})
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func nodesCommand(t *terminal) *cobra.Command {
	c := watched(&cobra.Command{Use: "nodes", Short: "List the nodes of the cluster"}, t,
		func(ctx context.Context, server *client) error {
			nodes, err := fetchNodes(ctx, server)
			if err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(nodes)
			}
			rows := [][]string{}
			for _, n := range nodes {
				rows = append(rows, []string{
					n.ID, n.Status, since(n.SinceMillis), strings.Join(n.Roles, ","), orDash(n.Coordinator), orDash(n.Zone),
					strconv.Itoa(n.Replicas), fmt.Sprintf("%d%%", n.DiskUsedPercent), orDash(n.RPC), orDash(n.HTTP), n.Version,
				})
			}
			return t.printTable([]string{
				"NODE", "STATUS", "SINCE", "ROLES", "COORDINATOR", "ZONE", "REPLICAS", "DISK", "RPC", "HTTP", "VERSION",
			}, rows)
		})
	c.AddCommand(nodesRemoveCommand(t))
	return c
}

func fetchNodes(ctx context.Context, server *client) ([]api.NodeInfo, error) {
	var answer struct {
		Nodes []api.NodeInfo `json:"nodes"`
	}
	err := server.callJSON(ctx, http.MethodGet, "/v1/cluster/nodes", nil, &answer)
	return answer.Nodes, err
}

func nodesRemoveCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "remove NODE",
		Short: "Take a node that is gone for good out of the cluster",
		Long: "Takes a node that is gone for good out of the cluster. Its replicas are rebuilt on other nodes. A node\n" +
			"that still runs is refused.",
		Args: exactly(1),
	}
	force := c.Flags().Bool("force", false, "also while replicas are placed on it: rebuild them at once")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		path := fmt.Sprintf("/v1/cluster/nodes/%s?force=%t", url.PathEscape(args[0]), *force)
		if _, err := server.call(c.Context(), http.MethodDelete, path, "", nil); err != nil {
			return err
		}
		return t.message("node %s removed", args[0])
	}
	return c
}

// since tells how long ago a moment was, "-" if it is not known.
func since(millis int64) string {
	if millis == 0 {
		return "-"
	}
	d := time.Since(time.UnixMilli(millis))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", max(0, d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0fh", d.Hours())
	}
	return fmt.Sprintf("%.0fd", d.Hours()/24)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func shardsCommand(t *terminal) *cobra.Command {
	var index string
	c := watched(&cobra.Command{Use: "shards", Short: "List the shards and their replicas"}, t,
		func(ctx context.Context, server *client) error {
			var answer struct {
				Shards []api.ShardStatus `json:"shards"`
			}
			path := "/v1/cluster/shards?index=" + url.QueryEscape(index)
			if err := server.callJSON(ctx, http.MethodGet, path, nil, &answer); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(answer.Shards)
			}
			return t.printTable([]string{
				"INDEX", "SHARD", "HEALTH", "SLOTS", "NODE", "STATE", "APPLIED", "DOCUMENTS", "DENSE LAG", "SIZE",
			}, shardRows(answer.Shards))
		})
	c.Flags().StringVar(&index, "index", "", "only those of this index")
	return c
}

func shardRows(shards []api.ShardStatus) [][]string {
	rows := [][]string{}
	for _, s := range shards {
		placed := 0
		for i, r := range s.Replicas {
			row := []string{"", "", "", ""}
			if i == 0 {
				row = []string{
					s.Index, strconv.Itoa(s.Ordinal), string(s.Health), fmt.Sprintf("%d-%d", s.FromSlot, s.ToSlot-1),
				}
			}
			state := r.State
			if r.Move == "" {
				placed++
			} else {
				state += ", " + r.Move
			}
			if r.Error != "" {
				state += ": " + fit(r.Error, 60)
			}
			rows = append(rows, append(row, r.Node, state, strconv.FormatUint(r.Applied, 10), strconv.Itoa(r.Documents),
				strconv.Itoa(r.DenseLag), byteSize(r.Bytes)))
		}
		for range s.WantedReplicas - placed {
			rows = append(rows, []string{"", "", "", "", "-", "waits for a node", "", "", "", ""})
		}
	}
	return rows
}

// byteSize gives a size in the largest unit that leaves a digit before the point.
func byteSize(n int64) string {
	size, unit := float64(n), 0
	for size >= 1024 && unit < 4 {
		size, unit = size/1024, unit+1
	}
	name := []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, name)
	}
	return fmt.Sprintf("%.1f %s", size, name)
}
