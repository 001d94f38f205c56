package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readLines reads a file of a JSON object a line.
func (f *File) readLines(in io.Reader, opts *Options, visit func(Item) error) error {
	lines := bufio.NewReaderSize(in, probeBytes)
	var line []byte
	for number := 1; ; number++ {
		line = line[:0]
		taken, long, ended := int64(0), false, false
		for {
			part, err := lines.ReadSlice('\n')
			taken += int64(len(part))
			if long = long || len(line)+len(part) > maxBytes; !long {
				line = append(line, part...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if ended = errors.Is(err, io.EOF); err != nil && !ended {
				return fmt.Errorf("read %s, line %d: %w", f.Path, number, err)
			}
			break
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 || long {
			item := Item{Err: fmt.Errorf("%w: has more than %d bytes", ErrTooLarge, maxBytes)}
			if !long {
				item = lineItem(trimmed, opts, fmt.Sprintf("%s:%d", f.ID, number))
			}
			item.Place, item.Bytes = fmt.Sprintf("line %d", number), taken
			if err := visit(item); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// lineItem makes a document of one JSON object.
func lineItem(line []byte, opts *Options, fallback string) Item {
	b := newBuilder(opts)
	err := eachMember(line, func(name string, raw json.RawMessage) error {
		if name == "op" || name == "if_version" {
			return fmt.Errorf("%w: has %q: what says how to write is for sagasu bulk", ErrFormat, name)
		}
		return b.add(member{name: name, raw: raw})
	})
	if err == nil && opts.IDField != "" && b.id == "" {
		err = fmt.Errorf("%w: has no %q, which holds the id", ErrFormat, opts.IDField)
	}
	if err != nil {
		return Item{ID: b.id, Err: err}
	}
	return b.finish(fallback)
}

// eachMember calls each with the members of a JSON object, in their order.
func eachMember(object []byte, each func(name string, raw json.RawMessage) error) error {
	if at := invalid(object); at >= 0 {
		return fmt.Errorf("%w: byte %d is not UTF-8", ErrEncoding, at)
	}
	if !json.Valid(object) {
		return fmt.Errorf("%w: is no JSON", ErrFormat)
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%w: is no JSON object", ErrFormat)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		name, _ := key.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if err := each(name, raw); err != nil {
			return err
		}
	}
	return nil
}
