package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"sagasu/internal/auth"
)

func auditCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "audit", Short: "Look at an audit log"}, auditVerifyCommand(t))
}

// verifiedFile is what was found of a file.
type verifiedFile struct {
	File    string    `json:"file"`
	Records uint64    `json:"records"`
	Tail    auth.Tail `json:"tail"`
	Torn    bool      `json:"torn,omitempty"`
	Error   string    `json:"error,omitempty"`
}

func auditVerifyCommand(t *terminal) *cobra.Command {
	expect := ""
	c := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check that nothing in an audit log was changed; exit code 1 if it was",
		Long: "Checks every line against the one before, and every file against the one before it: give them in order.\n" +
			"Lines that were cut off at the end leave no trace in what is left: keep the hash that this prints somewhere\n" +
			"else, and give it to the next check as --expect.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("%s needs a file: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return t.verifyAudit(args, expect) },
	}
	c.Flags().StringVar(&expect, "expect", "", "hash of a line that must be in the files")
	return c
}

func (t *terminal) verifyAudit(paths []string, expect string) error {
	var shown []verifiedFile
	var before *auth.Tail
	var errs []error
	seen := expect == ""
	for _, path := range paths {
		v, found, err := verifyAuditFile(path, expect)
		if errors.Is(err, os.ErrNotExist) {
			return usageError("%w", err)
		}
		if err == nil && before != nil && v.From != *before {
			err = fmt.Errorf("%w: it follows on line %d, the file before ends with line %d", auth.ErrChain, v.From.Sequence,
				before.Sequence)
		}
		seen = seen || found || v.From.Hash == expect
		line := verifiedFile{File: path, Records: v.Records, Tail: v.Tail, Torn: v.Torn}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
			line.Error = err.Error()
			errs = append(errs, err)
		}
		shown = append(shown, line)
		before = &v.Tail
	}
	if !seen {
		errs = append(errs, fmt.Errorf("%w: no line has the hash %s: lines were cut off", auth.ErrChain, expect))
	}
	if err := t.showVerified(shown); err != nil {
		return err
	}
	return errors.Join(errs...)
}

func (t *terminal) showVerified(shown []verifiedFile) error {
	if t.format == formatJSON {
		return t.printJSON(shown)
	}
	rows := [][]string{}
	for _, v := range shown {
		state := "whole"
		switch {
		case v.Error != "":
			state = "BROKEN"
		case v.Torn:
			state = "whole, last line torn"
		}
		rows = append(rows, []string{
			v.File, strconv.FormatUint(v.Records, 10), state, strconv.FormatUint(v.Tail.Sequence, 10), v.Tail.Hash,
		})
	}
	return t.printTable([]string{"FILE", "RECORDS", "STATE", "LAST LINE", "HASH"}, rows)
}

// verifyAuditFile checks a file, and whether a line in it has a hash.
func verifyAuditFile(path, hash string) (v auth.Verified, found bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return v, false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	v, err = auth.VerifyLog(file, func(tail auth.Tail) { found = found || hash != "" && tail.Hash == hash })
	return v, found, err
}
