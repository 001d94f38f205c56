package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

func repositoryCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "repository", Short: "Say where snapshots are kept"},
		repositoryPutCommand(t), repositoryListCommand(t), removeNamedCommand(t, "repository", "/v1/repositories/"))
}

func repositoryPutCommand(t *terminal) *cobra.Command {
	var req api.RepositoryRequest
	c := &cobra.Command{
		Use: "put NAME", Short: "Make a repository, or change it: --path DIR, or --endpoint URL --bucket NAME", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			req.Kind = "dir"
			if req.Path == "" {
				req.Kind = "s3"
			}
			return server.sendJSON(c.Context(), http.MethodPut, "/v1/repositories/"+url.PathEscape(args[0]), req, nil)
		},
	}
	f := c.Flags()
	f.StringVar(&req.Path, "path", "", "directory, the same on every node that holds shards (see snapshot-dirs)")
	f.StringVar(&req.Endpoint, "endpoint", "", "URL of an S3 server")
	f.StringVar(&req.Bucket, "bucket", "", "bucket; it must be there")
	f.StringVar(&req.Prefix, "prefix", "", "beginning of the names of all objects")
	f.StringVar(&req.Region, "region", "", "region of the bucket")
	f.BoolVar(&req.VirtualHost, "virtual-host", false, "the bucket's name is a part of the host's")
	f.StringVar(&req.Credentials, "credentials", "", "name of the credentials that nodes have (see s3-credentials-file)")
	f.BoolVar(&req.ReadOnly, "read-only", false, "only list and restore, as from the repository of another cluster")
	f.BoolVar(&req.TakeOver, "take-over", false, "write to a repository of another cluster, which must not any more")
	f.Int64Var(&req.BytesPerSecond, "bytes-per-second", 0, "most that each node sends and fetches; 0 for 64 MiB")
	addServerFlag(c)
	return c
}

func repositoryListCommand(t *terminal) *cobra.Command {
	return watched(&cobra.Command{Use: "list", Short: "List repositories"}, t,
		func(ctx context.Context, server *client) error {
			var answer struct {
				Repositories []api.Repository `json:"repositories"`
			}
			if err := server.callJSON(ctx, http.MethodGet, "/v1/repositories", nil, &answer); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(answer.Repositories)
			}
			rows := [][]string{}
			for _, r := range answer.Repositories {
				where := r.Path
				if r.Kind != "dir" {
					where = strings.TrimSuffix(r.Endpoint+"/"+r.Bucket+"/"+r.Prefix, "/")
				}
				rows = append(rows, []string{
					r.Name, r.Kind, where, strconv.FormatBool(r.ReadOnly), strconv.FormatInt(r.BytesPerSecond, 10),
				})
			}
			return t.printTable([]string{"REPOSITORY", "KIND", "WHERE", "READ ONLY", "BYTES/S"}, rows)
		})
}

func scheduleCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "schedule", Short: "Let snapshots be taken by themselves, and say which are kept"},
		schedulePutCommand(t), scheduleListCommand(t), removeNamedCommand(t, "schedule", "/v1/snapshot-schedules/"))
}

func schedulePutCommand(t *terminal) *cobra.Command {
	var s api.SnapshotSchedule
	c := &cobra.Command{
		Use: "put NAME --repository NAME --every-minutes N", Short: "Make a schedule, or change it", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			return server.sendJSON(c.Context(), http.MethodPut, "/v1/snapshot-schedules/"+url.PathEscape(args[0]), s, nil)
		},
	}
	f := c.Flags()
	f.StringVar(&s.Repository, "repository", "", "where they are kept")
	f.StringSliceVar(&s.Indexes, "index", nil, "index that is to be in them; all without any; may be repeated")
	f.IntVar(&s.EveryMinutes, "every-minutes", 0, "minutes from one's beginning to the next one's")
	f.IntVar(&s.KeepLast, "keep-last", 0, "how many are kept at least; 0 is no rule")
	f.IntVar(&s.KeepDays, "keep-days", 0, "for how many days they are kept at least; 0 is no rule")
	f.BoolVar(&s.Paused, "paused", false, "take none, and delete none")
	addServerFlag(c)
	return c
}

func scheduleListCommand(t *terminal) *cobra.Command {
	return watched(&cobra.Command{Use: "list", Short: "List schedules"}, t,
		func(ctx context.Context, server *client) error {
			var answer struct {
				Schedules []api.SnapshotSchedule `json:"schedules"`
			}
			if err := server.callJSON(ctx, http.MethodGet, "/v1/snapshot-schedules", nil, &answer); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(answer.Schedules)
			}
			rows := [][]string{}
			for _, s := range answer.Schedules {
				indexes := strings.Join(s.Indexes, " ")
				if indexes == "" {
					indexes = "all"
				}
				rows = append(rows, []string{
					s.Name, s.Repository, indexes, strconv.Itoa(s.EveryMinutes), strconv.Itoa(s.KeepLast), strconv.Itoa(s.KeepDays),
					strconv.FormatBool(s.Paused),
				})
			}
			return t.printTable([]string{"SCHEDULE", "REPOSITORY", "INDEXES", "MINUTES", "KEEP LAST", "KEEP DAYS", "PAUSED"}, rows)
		})
}

// removeNamedCommand removes what is at a path by name; nothing that it describes is lost.
func removeNamedCommand(t *terminal, what, path string) *cobra.Command {
	c := &cobra.Command{
		Use: "delete NAME", Short: "Forget a " + what + "; its snapshots stay where they are", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			return server.callJSON(c.Context(), http.MethodDelete, path+url.PathEscape(args[0]), nil, nil)
		},
	}
	addServerFlag(c)
	return c
}
