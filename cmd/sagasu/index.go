package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// maxSchemaBytes bounds a schema file.
const maxSchemaBytes = 4 << 20

func indexCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "index", Short: "Create, list, verify and delete indexes, change their models"},
		indexCreateCommand(t), indexListCommand(t), indexModelCommand(t), indexFailuresCommand(t),
		indexVerifyCommand(t), indexDeleteCommand(t))
}

func indexCreateCommand(t *terminal) *cobra.Command {
	var file string
	var layout api.Layout
	c := &cobra.Command{
		Use:   "create NAME --schema FILE|-",
		Short: "Create an index",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if file == "" {
				return usageError("--schema is not set: a JSON file, or - for standard input")
			}
			schema, err := readSchema(t, file)
			if err != nil {
				return err
			}
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			path := indexPath(args[0]) + layoutQuery(c, layout)
			data, err := server.call(c.Context(), http.MethodPut, path, "application/json", schema)
			if err != nil {
				return err
			}
			if t.format == formatJSON {
				_, err = fmt.Fprintf(t.out, "%s\n", strings.TrimSpace(string(data)))
				return err
			}
			return tellCreated(t, data)
		},
	}
	c.Flags().StringVar(&file, "schema", "", "JSON file with the schema, or - for standard input")
	c.Flags().IntVar(&layout.Shards, "shards", 1, "parts that the documents are divided into")
	c.Flags().IntVar(&layout.Replicas, "replicas", 0,
		"copies of each part; by default 3 in a cluster, 1 on a node on its own")
	addServerFlag(c)
	return c
}

// layoutQuery gives what was said of the layout, for the address.
func layoutQuery(c *cobra.Command, layout api.Layout) string {
	query := url.Values{}
	if c.Flags().Changed("shards") {
		query.Set("shards", strconv.Itoa(layout.Shards))
	}
	if c.Flags().Changed("replicas") {
		query.Set("replicas", strconv.Itoa(layout.Replicas))
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// tellCreated tells a person what was made, and what lacks.
func tellCreated(t *terminal, data []byte) error {
	var info api.IndexInfo
	if err := json.Unmarshal(data, &info); err != nil {
		return fmt.Errorf("understand the server's answer: %w", err)
	}
	lack := ""
	if info.Placed < info.Replicas {
		lack = fmt.Sprintf("; only %d have a node now, the others follow when nodes join", info.Placed)
	}
	return t.message("index %s created: shards %d, copies of each %d%s", info.Name, info.Shards, info.Replicas, lack)
}

// readSchema reads a schema and checks it here, where the file can be named.
func readSchema(t *terminal, file string) ([]byte, error) {
	data, err := readInput(t, file, maxSchemaBytes)
	if err != nil {
		return nil, err
	}
	if _, err := api.ParseSchema(data); err != nil {
		return nil, usageError("schema %s: %w", file, err)
	}
	return data, nil
}

// readInput reads a small file, or standard input for "-".
func readInput(t *terminal, file string, limit int64) (_ []byte, err error) {
	in := t.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usageError("%w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if int64(len(data)) > limit {
		return nil, usageError("%s is larger than %d bytes", file, limit)
	}
	return data, nil
}

// listedIndex is what list prints of an index.
type listedIndex struct {
	Name      string          `json:"name"`
	Documents *int            `json:"documents,omitempty"`
	Schema    json.RawMessage `json:"schema,omitempty"`
}

func indexListCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the indexes",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			var answer struct {
				Indexes []listedIndex `json:"indexes"`
			}
			if err := server.callJSON(c.Context(), http.MethodGet, "/v1/indexes", nil, &answer); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(answer.Indexes)
			}
			rows := [][]string{}
			for _, x := range answer.Indexes {
				documents := ""
				if x.Documents != nil {
					documents = fmt.Sprint(*x.Documents)
				}
				rows = append(rows, []string{x.Name, documents, fieldNames(x.Schema)})
			}
			return t.printTable([]string{"INDEX", "DOCUMENTS", "FIELDS"}, rows)
		},
	}
	addServerFlag(c)
	return c
}

func fieldNames(schema json.RawMessage) string {
	var s api.Schema
	if json.Unmarshal(schema, &s) != nil {
		return ""
	}
	names := make([]string, 0, len(s.Fields))
	for name, f := range s.Fields {
		names = append(names, name+":"+string(f.Type))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func indexDeleteCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an index and its documents",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			if _, err := server.call(c.Context(), http.MethodDelete, indexPath(args[0]), "", nil); err != nil {
				return err
			}
			return t.message("index %s deleted", args[0])
		},
	}
	addServerFlag(c)
	return c
}
