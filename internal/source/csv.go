package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// readRows reads a file of rows under a header.
func (f *File) readRows(in io.Reader, opts *Options, visit func(Item) error) error {
	limited := &rowLimit{in: in}
	rows := csv.NewReader(limited)
	rows.ReuseRecord = true
	if f.Kind == KindTSV {
		rows.Comma = '\t'
	}
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		header = slices.Clone(header)
		err = checkHeader(header, opts)
	}
	if err != nil {
		return fmt.Errorf("read %s: header: %w", f.Path, rowError(err))
	}
	before := int64(0) // the header counts with the first row
	for {
		limited.next(rows.InputOffset())
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line := 0
		if len(row) > 0 {
			line, _ = rows.FieldPos(0)
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			line = parse.StartLine
		}
		var item Item
		switch {
		case errors.Is(err, csv.ErrFieldCount):
			item.Err = fmt.Errorf("%w: has %d columns, the header %d", ErrFormat, len(row), len(header))
		case parse != nil && !errors.Is(err, ErrTooLarge):
			item.Err = rowError(err)
		case err != nil:
			return fmt.Errorf("read %s, after line %d: %w", f.Path, line, err)
		default:
			item = rowItem(header, row, opts, fmt.Sprintf("%s:%d", f.ID, line))
		}
		item.Place, item.Bytes = fmt.Sprintf("line %d", line), rows.InputOffset()-before
		before = rows.InputOffset()
		if err := visit(item); err != nil {
			return err
		}
	}
}

// checkHeader refuses columns that can't be told from each other, and a missing column of ids.
func checkHeader(header []string, opts *Options) error {
	for i, name := range header {
		if strings.ContainsRune(strings.TrimSuffix(name, "\r"), '\r') {
			return fmt.Errorf("%w: has lines that end with a carriage return alone; convert them to line feeds", ErrFormat)
		}
		header[i] = strings.TrimSpace(name)
		if slices.Contains(header[:i], header[i]) && header[i] != "" {
			return fmt.Errorf("%w: has two columns named %q", ErrFormat, header[i])
		}
	}
	if opts.IDField != "" && !slices.Contains(header, opts.IDField) {
		return fmt.Errorf("%w: has no column %q for the ids", ErrFormat, opts.IDField)
	}
	return nil
}

// rowError names a fault of CSV.
func rowError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%w: line %d, column %d: %w", ErrFormat, parse.Line, parse.Column, parse.Err)
	}
	return err
}

// rowItem makes a document of a row. Empty cells are no values.
func rowItem(header, row []string, opts *Options, fallback string) Item {
	b := newBuilder(opts)
	for i, cell := range row {
		if header[i] == "" || cell == "" {
			continue
		}
		if at := invalid([]byte(cell)); at >= 0 {
			return Item{ID: b.id, Err: fmt.Errorf("%w: column %q is not UTF-8", ErrEncoding, header[i])}
		}
		if err := b.add(member{name: header[i], text: cell}); err != nil {
			return Item{ID: b.id, Err: err}
		}
	}
	if opts.IDField != "" && b.id == "" {
		return Item{Err: fmt.Errorf("%w: column %q, which holds the id, is empty", ErrFormat, opts.IDField)}
	}
	return b.finish(fallback)
}

// rowLimit keeps a quotation that never ends from being read into memory.
type rowLimit struct {
	in io.Reader
	// read is how much was read, most how much may be.
	read, most int64
}

// next says where the next row starts.
func (r *rowLimit) next(at int64) { r.most = at + maxBytes + probeBytes }

func (r *rowLimit) Read(p []byte) (int, error) {
	if r.most == 0 {
		r.next(0)
	}
	if r.read >= r.most {
		return 0, fmt.Errorf("%w: a row has more than %d bytes; is a quotation mark missing?", ErrTooLarge, maxBytes)
	}
	n, err := r.in.Read(p)
	r.read += int64(n)
	return n, err
}
