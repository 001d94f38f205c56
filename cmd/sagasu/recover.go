package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"sagasu/coordinator"
	"sagasu/internal/consensus"
)

func recoverCommand(t *terminal) *cobra.Command {
	var dataDir, group string
	var yes bool
	c := &cobra.Command{
		Use:   "recover --data-dir DIR --group GROUP",
		Short: "Go on with one copy after most copies are lost for ever",
		Long: "Makes the copy in a stopped node's data directory the origin of its group: the metadata (meta) or a\n" +
			"shard (its id, as sagasu shards -o json shows it). Only for the case that most members are lost for ever.\n" +
			"Writes that were acknowledged by the lost ones and never reached this copy are lost. Do it on one node\n" +
			"only, the one whose copy has the highest last entry: without --yes nothing is changed and the entries are\n" +
			"shown. The lost nodes must never come back with their old data.",
		Args: exactly(0),
	}
	c.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the stopped node")
	c.Flags().StringVar(&group, "group", "", "meta, or the id of a shard; without it the groups are listed")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if dataDir == "" {
			return usageError("--data-dir is not set")
		}
		cfg := coordinator.Default()
		cfg.DataDir, cfg.Logger = dataDir, slog.New(slog.NewTextHandler(t.err, nil))
		if group == "" {
			return listGroups(t, cfg)
		}
		run := coordinator.Survey
		if yes {
			run = coordinator.Recover
		}
		report, err := run(c.Context(), cfg, group)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return usageError("%w", err)
		case err != nil:
			return err
		}
		return t.printRecovery(report, yes)
	}
	return c
}

func listGroups(t *terminal, cfg coordinator.Config) error {
	groups, err := coordinator.Groups(cfg)
	if err != nil {
		return err
	}
	if t.format == formatJSON {
		return t.printJSON(groups)
	}
	rows := [][]string{}
	for _, g := range groups {
		rows = append(rows, []string{g})
	}
	return t.printTable([]string{"GROUP"}, rows)
}

// printRecovery tells what was or would be done, and what that may lose.
func (t *terminal) printRecovery(r consensus.RecoverReport, done bool) error {
	if t.format == formatJSON {
		return t.printJSON(r)
	}
	before := ""
	for i, m := range r.Before {
		if i > 0 {
			before += ", "
		}
		before += m.ID
	}
	what := "would go on from this copy; pass --yes to do it"
	if done {
		what = "goes on from this copy; start the node"
	}
	return t.printColumns([][]string{
		{"group", r.Group + " " + what},
		{"members before", before},
		{"last entry here", fmt.Sprintf("%d of term %d", r.LastIndex, r.LastTerm)},
		{"surely committed", fmt.Sprintf("up to entry %d", r.Certain)},
		{"may come back", fmt.Sprintf("%d entries that perhaps nobody was told of", r.LastIndex-r.Certain)},
		{"lost", fmt.Sprintf("what the other members acknowledged after entry %d", r.LastIndex)},
	})
}
