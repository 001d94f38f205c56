package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
)

func documentsCommand(t *terminal) *cobra.Command {
	d := &documentsLook{terminal: t}
	list := &cobra.Command{
		Use:   "list INDEX",
		Short: "List what the catalog knows of documents",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if d.server, err = newClient(c, t.env); err != nil {
				return err
			}
			return d.list(c.Context(), args[0])
		},
	}
	list.Flags().StringVar(&d.state, "state", "", "received, indexed, embedded, failed or deleted")
	list.Flags().StringVar(&d.text, "id", "", "text that occurs in the id")
	list.Flags().StringVar(&d.source, "source", "", "what the source begins with")
	list.Flags().IntVar(&d.limit, "limit", 100, "how many, the newest first")
	addServerFlag(list)
	status := &cobra.Command{
		Use:   "status INDEX ID",
		Short: "Show one document as every store has it",
		Args:  exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if d.server, err = newClient(c, t.env); err != nil {
				return err
			}
			return d.status(c.Context(), args[0], args[1])
		},
	}
	addServerFlag(status)
	return group(&cobra.Command{Use: "documents", Short: "See where documents stand"}, list, status)
}

// documentsLook is one look at documents.
type documentsLook struct {
	*terminal
	server              *client
	state, text, source string
	limit               int
}

func (d *documentsLook) list(ctx context.Context, index string) error {
	if d.limit < 1 {
		return usageError("--limit is %d, must be at least 1", d.limit)
	}
	query := url.Values{"state": {d.state}, "q": {d.text}, "source": {d.source}}
	rows := [][]string{}
	for len(rows) < d.limit {
		query.Set("limit", strconv.Itoa(min(d.limit-len(rows), 1000)))
		var page api.DocumentList
		path := indexPath(index, "documents") + "?" + query.Encode()
		if err := d.server.callJSON(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for i := range page.Documents {
			x := &page.Documents[i]
			if d.format == formatJSON {
				if err := d.printJSON(x); err != nil {
					return err
				}
			}
			rows = append(rows, []string{
				x.ID, strconv.FormatUint(x.Version, 10), x.State, x.UpdatedAt.Local().Format(time.DateTime), fit(x.Error, 80),
			})
		}
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	if d.format == formatJSON {
		return nil
	}
	return d.printTable([]string{"ID", "VERSION", "STATE", "SINCE", "ERROR"}, rows)
}

func (d *documentsLook) status(ctx context.Context, index, id string) error {
	var s api.DocumentStatus
	path := indexPath(index, "documents") + "/" + url.PathEscape(id) + "/status"
	if err := d.server.callJSON(ctx, http.MethodGet, path, nil, &s); err != nil {
		return err
	}
	if d.format == formatJSON {
		return d.printJSON(s)
	}
	rows := [][]string{{"id", s.ID}, {"shard", s.Shard}, {"version", strconv.FormatUint(s.Version, 10)}}
	for _, v := range s.Vectors {
		text := fmt.Sprintf("%s, of version %d", v.State, v.Version)
		if v.Error != "" {
			text += ": " + v.Error
		}
		rows = append(rows, []string{fmt.Sprintf("vectors %d", v.Generation), text})
	}
	switch {
	case s.Catalog != nil:
		text := fmt.Sprintf("%s, version %d", s.Catalog.State, s.Catalog.Version)
		if s.Catalog.Error != "" {
			text += ": " + s.Catalog.Error
		}
		rows = append(rows, []string{"catalog", text})
	case s.CatalogTrouble != "":
		rows = append(rows, []string{"catalog", s.CatalogTrouble})
	}
	return d.printColumns(rows)
}
