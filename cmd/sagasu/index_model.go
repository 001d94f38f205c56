package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"sagasu/api"
)

func indexModelCommand(t *terminal) *cobra.Command {
	var change struct {
		Model  string   `json:"model"`
		Dims   int      `json:"dims,omitempty"`
		Fields []string `json:"fields,omitempty"`
	}
	var wait bool
	c := &cobra.Command{
		Use:   "model NAME --model MODEL",
		Short: "Make the vectors of an index anew by another embedding model",
		Long: "Makes the vectors of an index anew by another model, beside those it has, and switches to them when they\n" +
			"are complete. Until then searches use the present ones. An embedding service must have the model: see\n" +
			"embed-services and embed-url of serve.",
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("model") {
				return usageError("--model is not set: the name of the model; empty for the nodes' own")
			}
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			body, err := json.Marshal(change)
			if err != nil {
				return fmt.Errorf("encode request: %w", err)
			}
			var o api.Operation
			if err := server.callJSON(c.Context(), http.MethodPost, indexPath(args[0], "model"), body, &o); err != nil {
				return err
			}
			if wait {
				if err := t.await(c.Context(), server, o.ID); err != nil {
					return err
				}
				return t.message("index %s has the vectors of model %q", args[0], change.Model)
			}
			if t.format == formatJSON {
				return t.printJSON(o)
			}
			return t.message("operation %s begins: sagasu operations wait %s", o.ID, o.ID)
		},
	}
	c.Flags().StringVar(&change.Model, "model", "", "name of the model, as an embedding service knows it")
	c.Flags().IntVar(&change.Dims, "dims", 0, "dimensions of its vectors; 0 asks the service")
	c.Flags().StringSliceVar(&change.Fields, "fields", nil, "fields to embed; by default those embedded so far")
	c.Flags().BoolVar(&wait, "wait", false, "wait until the index has the new vectors")
	addServerFlag(c)
	return c
}

func indexFailuresCommand(t *terminal) *cobra.Command {
	var retry bool
	c := &cobra.Command{
		Use:   "failures NAME",
		Short: "List the documents that can't be embedded, or try them again",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			if retry {
				if _, err := server.call(c.Context(), http.MethodPost, indexPath(args[0], "dense", "retry"), "", nil); err != nil {
					return err
				}
				return t.message("they are tried again")
			}
			var f api.DenseFailures
			path := indexPath(args[0], "dense", "failures")
			if err := server.callJSON(c.Context(), http.MethodGet, path, nil, &f); err != nil {
				return err
			}
			if t.format == formatJSON {
				return t.printJSON(f)
			}
			rows := [][]string{}
			for _, x := range f.Failures {
				rows = append(rows, []string{x.ID, fmt.Sprint(x.Version), fit(x.Reason, 120)})
			}
			if f.More > 0 {
				rows = append(rows, []string{fmt.Sprintf("and %d more", f.More)})
			}
			return t.printTable([]string{"DOCUMENT", "VERSION", "REASON"}, rows)
		},
	}
	c.Flags().BoolVar(&retry, "retry", false, "try them again")
	addServerFlag(c)
	return c
}
