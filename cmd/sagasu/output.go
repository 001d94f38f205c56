package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// The values of --output.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// printJSON prints one value on one line.
func (t *terminal) printJSON(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err = fmt.Fprintf(t.out, "%s\n", data)
	return err
}

// message tells a person something, on standard error.
func (t *terminal) message(format string, args ...any) error {
	_, err := fmt.Fprintf(t.err, format+"\n", args...)
	return err
}

// printTable prints rows under a header, columns as wide as their widest cell.
func (t *terminal) printTable(header []string, rows [][]string) error {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{header}, rows...) {
		line := ""
		for i, cell := range row {
			line += pad(cell, widths[i]) + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := fmt.Fprint(t.out, b.String())
	return err
}

// printColumns prints rows without a header.
func (t *terminal) printColumns(rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	return t.printTable(rows[0], rows[1:])
}

// displayWidth is the number of terminal columns that a text takes: two for each wide character, none
// for combining ones (Unicode Standard Annex #11).
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r), unicode.Is(unicode.Cf, r), unicode.IsControl(r):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// pad fills a text up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-displayWidth(s)))
}

// fit cuts a text to n columns, on one line, and marks the cut.
func fit(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if displayWidth(s) <= n {
		return s
	}
	used := 0
	var b strings.Builder
	for _, r := range s {
		if used+runeWidth(r) > n-1 {
			break
		}
		used += runeWidth(r)
		b.WriteRune(r)
	}
	return b.String() + "…"
}
