package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

func snapshotCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{
		Use: "snapshot", Aliases: []string{"snapshots"}, Short: "Keep copies of indexes outside of the cluster, and restore them",
	}, snapshotCreateCommand(t), snapshotListCommand(t), snapshotShowCommand(t), snapshotVerifyCommand(t),
		snapshotRestoreCommand(t), snapshotDeleteCommand(t), repositoryCommand(t), scheduleCommand(t))
}

// sendJSON is callJSON with a value to send.
func (c *client) sendJSON(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.callJSON(ctx, method, path, body, out)
}

// snapshotPath is the path of a snapshot, and of what is below it.
func snapshotPath(id, below, repository string) string {
	path := "/v1/snapshots/" + url.PathEscape(id) + below
	if repository == "" {
		return path
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "repository=" + url.QueryEscape(repository)
}

// confirm asks a person unless yes is set; an error unless the answer is yes.
func (t *terminal) confirm(yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	if err := t.message(format+" Type yes: ", args...); err != nil {
		return err
	}
	var answer string
	if _, err := fmt.Fscanln(t.in, &answer); err != nil || answer != "yes" {
		return usageError("not confirmed: nothing was done (--yes does without asking)")
	}
	return nil
}

func addRepositoryFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "repository", "", "repository that has it; needed if another cluster took it")
}

func snapshotCreateCommand(t *terminal) *cobra.Command {
	var indexes []string
	var watch bool
	c := &cobra.Command{
		Use: "create REPOSITORY", Short: "Take a snapshot of all indexes, or of some", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			var s api.SnapshotInfo
			req := api.SnapshotRequest{Repository: args[0], Indexes: indexes}
			if err := server.sendJSON(c.Context(), http.MethodPost, "/v1/snapshots", req, &s); err != nil {
				return err
			}
			if watch {
				if err := t.await(c.Context(), server, s.Operation); err != nil {
					return err
				}
				if err := server.callJSON(c.Context(), http.MethodGet, snapshotPath(s.ID, "", ""), nil, &s); err != nil {
					return err
				}
			}
			return t.tellSnapshot(&s)
		},
	}
	c.Flags().StringSliceVar(&indexes, "index", nil, "index that is to be in it; all without any; may be repeated")
	c.Flags().BoolVar(&watch, "watch", false, "wait until it is complete, and tell of its progress")
	addServerFlag(c)
	return c
}

// tellSnapshot prints one snapshot.
func (t *terminal) tellSnapshot(s *api.SnapshotInfo) error {
	if t.format == formatJSON {
		return t.printJSON(s)
	}
	return t.printTable(snapshotHeader(), [][]string{snapshotRow(s)})
}

func snapshotHeader() []string {
	return []string{"SNAPSHOT", "REPOSITORY", "STATE", "BEGUN", "TOOK", "INDEXES", "SHARDS", "DOCUMENTS", "BYTES", "SENT", "WHAT"}
}

func snapshotRow(s *api.SnapshotInfo) []string {
	took := ""
	if s.EndedMillis > 0 {
		took = (time.Duration(s.EndedMillis-s.CreatedMillis) * time.Millisecond).Round(100 * time.Millisecond).String()
	}
	what := s.Error
	if what == "" && s.Schedule != "" {
		what = "by schedule " + s.Schedule
	}
	return []string{
		s.ID, s.Repository, s.State, moment(s.CreatedMillis), took, strconv.Itoa(s.Indexes), strconv.Itoa(s.Shards),
		strconv.FormatInt(s.Documents, 10), strconv.FormatInt(s.Bytes, 10), strconv.FormatInt(s.NewBytes, 10), fit(what, 100),
	}
}

func moment(millis int64) string {
	if millis == 0 {
		return ""
	}
	return time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05Z")
}

func snapshotListCommand(t *terminal) *cobra.Command {
	var repository string
	c := watched(&cobra.Command{Use: "list", Short: "List snapshots; with --repository also those of other clusters"}, t,
		func(ctx context.Context, server *client) error {
			path := "/v1/snapshots"
			if repository != "" {
				path += "?repository=" + url.QueryEscape(repository)
			}
			var answer struct {
				Snapshots []api.SnapshotInfo `json:"snapshots"`
			}
			if err := server.callJSON(ctx, http.MethodGet, path, nil, &answer); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(answer.Snapshots)
			}
			rows := [][]string{}
			for i := range answer.Snapshots {
				rows = append(rows, snapshotRow(&answer.Snapshots[i]))
			}
			return t.printTable(snapshotHeader(), rows)
		})
	c.Flags().StringVar(&repository, "repository", "", "list what is in a repository")
	return c
}

func snapshotShowCommand(t *terminal) *cobra.Command {
	var repository string
	c := &cobra.Command{
		Use: "show ID", Short: "Describe a snapshot: when it was cut, its indexes and their shards", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			var s api.SnapshotInfo
			err = server.callJSON(c.Context(), http.MethodGet, snapshotPath(args[0], "", repository), nil, &s)
			if err != nil {
				return err
			}
			if err := t.tellSnapshot(&s); err != nil || s.Detail == nil || t.format == formatJSON {
				return err
			}
			d := s.Detail
			if err := t.message("cut from %s to %s, metadata of version %d, cluster %s", moment(d.CutBeganMillis),
				moment(d.CutEndedMillis), d.MetadataVersion, d.Cluster); err != nil {
				return err
			}
			rows := [][]string{}
			for _, x := range d.Indexes {
				rows = append(rows, []string{
					x.Name, strings.Join(x.Aliases, " "), strconv.Itoa(len(x.Applied)), strconv.Itoa(x.Replicas),
					strconv.FormatInt(x.Documents, 10), strconv.FormatInt(x.Bytes, 10), fit(fmt.Sprint(x.Applied), 60),
				})
			}
			return t.printTable([]string{"INDEX", "ALIASES", "SHARDS", "REPLICAS", "DOCUMENTS", "BYTES", "POSITIONS"}, rows)
		},
	}
	addRepositoryFlag(c, &repository)
	addServerFlag(c)
	return c
}

func snapshotVerifyCommand(t *terminal) *cobra.Command {
	var repository string
	var deep bool
	c := &cobra.Command{
		Use: "verify ID", Short: "Look whether all of a snapshot is there, with --deep by reading it", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			path := snapshotPath(args[0], "/verify?deep="+strconv.FormatBool(deep), repository)
			var o api.Operation
			if err := server.callJSON(c.Context(), http.MethodPost, path, nil, &o); err != nil {
				return err
			}
			return t.await(c.Context(), server, o.ID)
		},
	}
	c.Flags().BoolVar(&deep, "deep", false, "read every object and compare its checksum")
	addRepositoryFlag(c, &repository)
	addServerFlag(c)
	return c
}

func snapshotRestoreCommand(t *terminal) *cobra.Command {
	var req api.RestoreRequest
	var watch bool
	c := &cobra.Command{
		Use: "restore ID", Short: "Restore the indexes of a snapshot, or one of them, under another name too", Args: exactly(1),
		Long: "Makes indexes with the files of a snapshot. They can be found when every shard has its files; copies are\n" +
			"made afterwards. An index of that name must not be there: nothing is overwritten.",
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			var answer struct {
				Restores []api.RestorePlan `json:"restores"`
			}
			path := snapshotPath(args[0], "/restore", "")
			if err := server.sendJSON(c.Context(), http.MethodPost, path, req, &answer); err != nil {
				return err
			}
			if err := t.tellRestores(answer.Restores); err != nil || !watch || req.DryRun {
				return err
			}
			var errs []error
			for _, r := range answer.Restores {
				errs = append(errs, t.await(c.Context(), server, r.Operation))
			}
			return errors.Join(errs...)
		},
	}
	c.Flags().StringVar(&req.Repository, "repository", "", "repository that has it; needed if another cluster took it")
	c.Flags().StringVar(&req.Index, "index", "", "index to restore; all without it")
	c.Flags().StringVar(&req.As, "as", "", "name that the index is to have")
	c.Flags().IntVar(&req.Shards, "shards", 0, "refuse unless the index has that many shards")
	c.Flags().IntVar(&req.Replicas, "replicas", 0, "copies of each shard; as many as there were without it")
	c.Flags().BoolVar(&req.Aliases, "aliases", false, "make the aliases that led to it, where their names are free")
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "only tell what would be restored")
	c.Flags().BoolVar(&watch, "watch", false, "wait until it is there, and tell of its progress")
	addServerFlag(c)
	return c
}

func (t *terminal) tellRestores(plans []api.RestorePlan) error {
	if t.format == formatJSON {
		return t.printJSON(plans)
	}
	rows := [][]string{}
	for _, p := range plans {
		rows = append(rows, []string{
			p.Index, p.As, strconv.Itoa(p.Shards), strconv.Itoa(p.Replicas), strconv.FormatInt(p.Documents, 10),
			strconv.FormatInt(p.Bytes, 10), p.Operation,
		})
	}
	return t.printTable([]string{"INDEX", "AS", "SHARDS", "REPLICAS", "DOCUMENTS", "BYTES", "OPERATION"}, rows)
}

func snapshotDeleteCommand(t *terminal) *cobra.Command {
	var repository string
	var yes, watch bool
	c := &cobra.Command{
		Use: "delete ID", Short: "Delete a snapshot, and what no other one needs", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			if err := t.confirm(yes, "Snapshot %s will be gone for good.", args[0]); err != nil {
				return err
			}
			var o api.Operation
			err = server.callJSON(c.Context(), http.MethodDelete, snapshotPath(args[0], "", repository), nil, &o)
			if err != nil || !watch {
				return err
			}
			return t.await(c.Context(), server, o.ID)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.Flags().BoolVar(&watch, "watch", false, "wait until it is gone")
	addRepositoryFlag(c, &repository)
	addServerFlag(c)
	return c
}
