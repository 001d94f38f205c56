package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// finding is what one check of doctor found.
type finding struct {
	Check string `json:"check"`
	// Result is ok, warning or failure.
	Result string `json:"result"`
	Found  string `json:"found"`
	// Remedy is what to do, "" for an ok.
	Remedy string `json:"remedy,omitempty"`
}

// The values of finding.Result.
const (
	resultOK      = "ok"
	resultWarning = "warning"
	resultFailure = "failure"
)

func ok(check, format string, args ...any) finding {
	return finding{Check: check, Result: resultOK, Found: fmt.Sprintf(format, args...)}
}

func warn(check, remedy, format string, args ...any) finding {
	return finding{Check: check, Result: resultWarning, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

func fault(check, remedy, format string, args ...any) finding {
	return finding{Check: check, Result: resultFailure, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

func doctorCommand(t *terminal) *cobra.Command {
	var dataDir string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this machine and the cluster",
		Long: "Looks at this machine (limits, disk, with --data-dir the disk's speed) and, through a node of the\n" +
			"cluster, at all nodes (reachable, clocks, versions, health). Each finding comes with its remedy; the exit\n" +
			"code is 1 if something fails.",
		Args: exactly(0),
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "data directory of a node on this machine, to look at its disk")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		found := machineFindings(dataDir)
		found = append(found, clusterFindings(c.Context(), server)...)
		if err := t.printFindings(found); err != nil {
			return err
		}
		if slices.ContainsFunc(found, func(f finding) bool { return f.Result == resultFailure }) {
			return errors.New("something is wrong, see above")
		}
		return nil
	}
	return c
}

func (t *terminal) printFindings(found []finding) error {
	if t.format == formatJSON {
		return t.printJSON(found)
	}
	rows := [][]string{}
	for _, f := range found {
		rows = append(rows, []string{f.Check, f.Result, f.Found})
		if f.Remedy != "" {
			rows = append(rows, []string{"", "", "-> " + f.Remedy})
		}
	}
	return t.printTable([]string{"CHECK", "RESULT", "FOUND"}, rows)
}

// doctorTimeout bounds asking one node.
const doctorTimeout = 3 * time.Second

// clusterFindings asks a node for the cluster, and then every node itself.
func clusterFindings(ctx context.Context, server *client) []finding {
	var status api.ClusterStatus
	asking, cancel := context.WithTimeout(ctx, 2*doctorTimeout)
	defer cancel()
	if err := server.callJSON(asking, http.MethodGet, "/v1/cluster", nil, &status); err != nil {
		return []finding{fault("server", "start a node, or name one that runs with --server", "%v", err)}
	}
	found := []finding{ok("server", "node %s answers at %s", status.Node, server.base)}
	switch {
	case len(status.Problems) == 0:
		found = append(found, ok("cluster", "%s is green: %d nodes, %d shards", status.ClusterID, status.Nodes,
			status.Shards))
	case status.Health == api.HealthRed:
		for _, p := range status.Problems {
			found = append(found, fault("cluster", "see sagasu shards and the logs of the nodes named", "%s", p))
		}
	default:
		for _, p := range status.Problems {
			found = append(found, warn("cluster", "see sagasu nodes and sagasu shards", "%s", p))
		}
	}
	nodes, err := fetchNodes(asking, server)
	if err != nil {
		return append(found, fault("nodes", "see the log of node "+status.Node, "%v", err))
	}
	for _, n := range nodes {
		found = append(found, nodeFindings(ctx, n)...)
	}
	return append(found, versionFinding(nodes))
}

func versionFinding(nodes []api.NodeInfo) finding {
	versions := map[string][]string{}
	for _, n := range nodes {
		versions[n.Version] = append(versions[n.Version], n.ID)
	}
	if len(versions) > 1 {
		return warn("versions", "finish the upgrade: run one version on all nodes", "nodes run different versions: %v",
			versions)
	}
	return ok("versions", "all nodes run the same version")
}
