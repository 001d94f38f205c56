package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// textColumns is the width of the text shown of a hit.
const textColumns = 60

func searchCommand(t *terminal) *cobra.Command {
	s := &search{terminal: t}
	c := &cobra.Command{
		Use:   "search INDEX QUERY",
		Short: "Search an index",
		Args:  exactly(2),
		RunE:  s.run,
	}
	c.Flags().StringVar(&s.mode, "mode", "", "sparse, dense or hybrid; default hybrid where the index has vectors")
	c.Flags().IntVar(&s.size, "size", api.DefaultSize, "number of hits")
	c.Flags().StringVar(&s.filter, "filter", "", `filter as JSON, e.g. {"term": {"lang": "ja"}}`)
	c.Flags().BoolVar(&s.explain, "explain", false, "show rank, score and share of each hit in each leg")
	c.Flags().BoolVar(&s.compare, "compare", false, "show the three modes side by side")
	addServerFlag(c)
	return c
}

// search is one search of the command line.
type search struct {
	*terminal
	mode, filter     string
	size             int
	explain, compare bool

	server *client
}

// searchBody is the request, as the API reads it.
type searchBody struct {
	Query   string          `json:"query"`
	Mode    string          `json:"mode,omitempty"`
	Size    int             `json:"size"`
	Filter  json.RawMessage `json:"filter,omitempty"`
	Explain bool            `json:"explain,omitempty"`
}

func (s *search) run(c *cobra.Command, args []string) (err error) {
	if s.compare && s.mode != "" {
		return usageError("--compare shows all modes and takes no --mode")
	}
	if s.filter != "" && !json.Valid([]byte(s.filter)) {
		return usageError("--filter is not JSON: %s", s.filter)
	}
	if s.server, err = newClient(c, s.env); err != nil {
		return err
	}
	if s.compare {
		return s.compareModes(c.Context(), args[0], args[1])
	}
	answer, raw, err := s.ask(c.Context(), args[0], args[1], s.mode)
	if err != nil {
		return err
	}
	if s.format == formatJSON {
		_, err = fmt.Fprintf(s.out, "%s\n", raw)
		return err
	}
	return s.print(answer)
}

// ask runs one search, and gives the answer also as it came.
func (s *search) ask(ctx context.Context, index, text, mode string) (*api.SearchResponse, json.RawMessage, error) {
	body, err := json.Marshal(searchBody{
		Query: text, Mode: mode, Size: s.size, Filter: json.RawMessage(s.filter), Explain: s.explain,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode search: %w", err)
	}
	var raw json.RawMessage
	if err := s.server.callJSON(ctx, http.MethodPost, indexPath(index, "search"), body, &raw); err != nil {
		return nil, nil, err
	}
	answer := &api.SearchResponse{}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, nil, fmt.Errorf("understand the server's answer: %w", err)
	}
	return answer, raw, nil
}

func (s *search) print(answer *api.SearchResponse) error {
	header := []string{"#", "SCORE", "ID", "TEXT"}
	if s.explain {
		header = append(header, "SPARSE", "DENSE")
	}
	rows := make([][]string, 0, len(answer.Hits))
	for i, h := range answer.Hits {
		row := []string{fmt.Sprint(i + 1), fmt.Sprintf("%.4f", h.Score), h.ID, fit(excerpt(h.Source), textColumns)}
		if s.explain {
			legs := h.Legs
			if legs == nil {
				legs = &api.Legs{}
			}
			row = append(row, shareText(legs.Sparse), shareText(legs.Dense))
		}
		rows = append(rows, row)
	}
	if err := s.printTable(header, rows); err != nil {
		return err
	}
	if err := s.message("%d matches (%s), %.1f ms", answer.Total.Value, answer.Total.Scope, answer.TookMS); err != nil {
		return err
	}
	return s.warn("", answer)
}

// warn tells what an answer lacks.
func (s *search) warn(mode string, answer *api.SearchResponse) error {
	if mode != "" {
		mode += ": "
	}
	for _, d := range answer.Degraded {
		if err := s.message("%sincomplete: leg %s: %s %s", mode, d.Leg, d.Reason, d.Detail); err != nil {
			return err
		}
	}
	return nil
}

func shareText(l *api.LegShare) string {
	if l == nil {
		return "-"
	}
	return fmt.Sprintf("%d. %.3f +%.4f", l.Rank, l.Score, l.Share)
}

// excerpt is what a person knows a document by: its title, or its text, or all of it.
func excerpt(source api.RawJSON) string {
	var fields map[string]any
	if json.Unmarshal(source, &fields) == nil {
		for _, name := range []string{"title", "text"} {
			if text, ok := fields[name].(string); ok && text != "" {
				return text
			}
		}
	}
	return string(source)
}
