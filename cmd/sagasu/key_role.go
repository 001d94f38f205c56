package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

func roleCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "role", Short: "List, make and delete roles"},
		roleListCommand(t), rolePutCommand(t),
		operationStepCommand(t, "delete NAME", "Delete a role that no key has",
			func(ctx context.Context, server *client, name string) error {
				var end api.KeyEnd
				if err := server.callJSON(ctx, http.MethodDelete, rolePath(name), nil, &end); err != nil {
					return err
				}
				return t.showEnd("role "+end.ID+" is deleted", &end)
			}))
}

func rolePath(name string) string { return "/v1/roles/" + url.PathEscape(name) }

func roleListCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List roles and what they allow", Args: exactly(0)}
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		var answer struct {
			Roles []api.AccessRole `json:"roles"`
		}
		if err := server.callJSON(c.Context(), http.MethodGet, "/v1/roles", nil, &answer); err != nil {
			return err
		}
		if t.format == formatJSON {
			return t.printJSON(answer.Roles)
		}
		rows := [][]string{}
		for _, r := range answer.Roles {
			for _, p := range r.Permissions {
				rows = append(rows, []string{
					r.Name, strings.Join(p.Actions, ","), strings.Join(p.Indexes, ","), fit(string(p.Filter), 60),
				})
			}
		}
		return t.printTable([]string{"ROLE", "ACTIONS", "INDEXES", "FILTER"}, rows)
	}
	return c
}

func rolePutCommand(t *terminal) *cobra.Command {
	file := ""
	c := &cobra.Command{
		Use: "put NAME --file FILE|-", Short: "Make a role, or change what it allows to all who have it", Args: exactly(1),
		Long: `The file has {"permissions": [{"actions": ["index.read"], "indexes": ["papers*"], "filter": {...}}]}.`,
	}
	c.Flags().StringVar(&file, "file", "", "JSON file with the permissions; - reads standard input")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		var body []byte
		switch file {
		case "":
			return usageError("--file is not set")
		case "-":
			body, err = io.ReadAll(t.in)
		default:
			body, err = os.ReadFile(file)
		}
		if err != nil {
			return usageError("read the role: %w", err)
		}
		var end api.KeyEnd
		if err := server.callJSON(c.Context(), http.MethodPut, rolePath(args[0]), body, &end); err != nil {
			return err
		}
		return t.showEnd("role "+end.ID+" is set", &end)
	}
	return c
}
