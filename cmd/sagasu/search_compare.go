package main

import (
	"context"
	"encoding/json"
	"fmt"

	"sagasu/api"
)

// compareColumns is the width of a mode's column.
const compareColumns = 38

// compareModes prints the hits of each mode beside those of the others.
func (s *search) compareModes(ctx context.Context, index, text string) error {
	modes := []api.Mode{api.ModeSparse, api.ModeDense, api.ModeHybrid}
	answers := make([]*api.SearchResponse, len(modes))
	raw := map[string]json.RawMessage{}
	for i, mode := range modes {
		var err error
		if answers[i], raw[string(mode)], err = s.ask(ctx, index, text, string(mode)); err != nil {
			return fmt.Errorf("mode %s: %w", mode, err)
		}
	}
	if s.format == formatJSON {
		return s.printJSON(raw)
	}
	header, times := []string{"#"}, []string{""}
	for i, mode := range modes {
		header = append(header, string(mode))
		times = append(times, fmt.Sprintf("%.1f ms", answers[i].TookMS))
	}
	rows := [][]string{times}
	for rank := range s.size {
		row, any := []string{fmt.Sprint(rank + 1)}, false
		for _, answer := range answers {
			cell := ""
			if rank < len(answer.Hits) {
				hit := answer.Hits[rank]
				cell, any = fit(hit.ID+" "+excerpt(hit.Source), compareColumns), true
			}
			row = append(row, cell)
		}
		if any {
			rows = append(rows, row)
		}
	}
	if err := s.printTable(header, rows); err != nil {
		return err
	}
	for i, mode := range modes {
		if err := s.warn(string(mode), answers[i]); err != nil {
			return err
		}
	}
	return nil
}
