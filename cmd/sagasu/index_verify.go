package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// errDiffers is returned when stores differ, which is told by then.
var errDiffers = errors.New("the stores differ")

func indexVerifyCommand(t *terminal) *cobra.Command {
	var repair bool
	c := &cobra.Command{
		Use:   "verify NAME",
		Short: "Compare what shards, Milvus and the catalog have of an index's documents",
		Long: "Compares shards, Milvus and the catalog by id and version, and prints what differs. Documents that are\n" +
			"written meanwhile are left out. Exits with 1 if anything differs, also if it is repaired: verify again.",
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			server, err := newClient(c, t.env)
			if err != nil {
				return err
			}
			path := indexPath(args[0], "verify")
			begin := path
			if repair {
				begin += "?repair=true"
			}
			var o api.Operation
			if err := server.callJSON(c.Context(), http.MethodPost, begin, nil, &o); err != nil {
				return err
			}
			if err := t.await(c.Context(), server, o.ID); err != nil {
				return err
			}
			var report api.VerifyReport
			if err := server.callJSON(c.Context(), http.MethodGet, path+"/"+o.ID, nil, &report); err != nil {
				return err
			}
			return t.tellReport(&report)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "bring right what differs")
	addServerFlag(c)
	return c
}

// tellReport prints what a comparison found; errDiffers if that is something.
func (t *terminal) tellReport(r *api.VerifyReport) error {
	var err error
	if len(r.Differences) > 0 {
		err = errDiffers
	}
	if t.format == formatJSON {
		return errors.Join(t.printJSON(r), err)
	}
	stores := "shards"
	if len(r.Stores) > 0 {
		stores += ", " + strings.Join(r.Stores, ", ")
	}
	failed := ""
	if r.Failed > 0 {
		failed = fmt.Sprintf(", of which %d can't be embedded (sagasu index failures %s)", r.Failed, r.Index)
	}
	if told := t.message("compared %s: %d documents%s", stores, r.Documents, failed); told != nil {
		return told
	}
	rows := [][]string{}
	for _, d := range r.Differences {
		generation := ""
		if d.Generation != nil {
			generation = fmt.Sprint(*d.Generation)
		}
		ids := strings.Join(d.IDs, " ")
		if more := d.Count - len(d.IDs); more > 0 {
			ids += fmt.Sprintf(" and %d more", more)
		}
		rows = append(rows, []string{d.Kind, generation, fmt.Sprint(d.Count), ids})
	}
	if len(rows) == 0 {
		return t.message("no difference")
	}
	if told := t.printTable([]string{"DIFFERENCE", "GENERATION", "DOCUMENTS", "IDS"}, rows); told != nil {
		return told
	}
	return err
}
