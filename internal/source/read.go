package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// Checksum is SHA-256 of a file's bytes.
type Checksum [sha256.Size]byte

// Checksum reads the file for its checksum alone.
func (f *File) Checksum(ctx context.Context) (Checksum, error) {
	in, err := f.fsys.Open(f.name)
	if err != nil {
		return Checksum{}, fmt.Errorf("read %s: %w", f.Path, err)
	}
	hash := sha256.New()
	_, err = io.Copy(hash, &stoppable{ctx: ctx, in: in})
	if err = errors.Join(err, in.Close()); err != nil {
		return Checksum{}, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return Checksum(hash.Sum(nil)), nil
}

// Each reads the documents of the file and calls visit with each, or with what is wrong with it. It ends when visit
// gives an error, which it gives back as it is; other errors are about the file, of which no more is read then:
// ErrTooLarge, ErrFormat, ErrEncoding, those of the file system. The checksum is that of the whole file.
func (f *File) Each(ctx context.Context, opts *Options, visit func(Item) error) (sum Checksum, err error) {
	in, err := f.fsys.Open(f.name)
	if err != nil {
		return Checksum{}, fmt.Errorf("read %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	hash := sha256.New()
	raw := &stoppable{ctx: ctx, in: io.TeeReader(in, hash)}
	if err := f.read(raw, opts, visit); err != nil {
		return Checksum{}, err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return Checksum{}, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return Checksum(hash.Sum(nil)), nil
}

func (f *File) read(raw io.Reader, opts *Options, visit func(Item) error) error {
	if f.Kind.whole() {
		return f.readWhole(raw, opts, visit)
	}
	buffered := bufio.NewReaderSize(raw, probeBytes)
	start, err := buffered.Peek(probeBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	if f.Kind == KindJSONL {
		return f.readLines(decoded(buffered, start, "utf-8"), opts, visit)
	}
	return f.readRows(decoded(buffered, start, ""), opts, visit)
}

// readWhole reads a file that is one document.
func (f *File) readWhole(raw io.Reader, opts *Options, visit func(Item) error) error {
	data, err := io.ReadAll(io.LimitReader(raw, maxBytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", f.Path, err)
	case len(data) > maxBytes:
		return fmt.Errorf("read %s: %w: has more than %d bytes", f.Path, ErrTooLarge, maxBytes)
	}
	start := data[:min(len(data), probeBytes)]
	says := ""
	if f.Kind == KindHTML {
		says = charsetOf(start)
	}
	text, err := io.ReadAll(decoded(bytes.NewReader(data), start, says))
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", f.Path, ErrEncoding, err)
	}
	if at := invalid(text); at >= 0 {
		return fmt.Errorf("read %s: %w: byte %d is not UTF-8", f.Path, ErrEncoding, at)
	}
	if at := bytes.IndexByte(text, 0); at >= 0 {
		return fmt.Errorf("read %s: %w: byte %d is NUL, as in no text but in files of programs", f.Path, ErrEncoding, at)
	}
	members, err := f.parse(string(text))
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path, err)
	}
	b := newBuilder(opts)
	for _, m := range append(members, f.about()...) {
		if err := b.add(m); err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	item := b.finish(f.ID)
	item.Bytes = int64(len(data))
	item.Left = ownNames(item.Left)
	return visit(item)
}

// parse gives what a whole file says.
func (f *File) parse(text string) ([]member, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	switch f.Kind {
	case KindMarkdown:
		return f.parseMarkdown(text), nil
	case KindHTML:
		return f.parseHTML(text)
	}
	return []member{{name: "title", text: f.stem()}, {name: "text", text: text}}, nil
}

// stem is the name of the file without its end.
func (f *File) stem() string {
	return strings.TrimSuffix(path.Base(f.name), path.Ext(f.name))
}

// about is what is known of a file itself.
func (f *File) about() []member {
	return []member{
		{name: "path", text: f.ID},
		{name: "kind", text: string(f.Kind)},
		{name: "modified", text: f.ModTime.UTC().Format(time.RFC3339)},
	}
}

// ownNames leaves out the names of what a file is given by this package: nobody misses them.
func ownNames(left []string) []string {
	var kept []string
	for _, name := range left {
		switch name {
		case "title", "text", "lang", "path", "kind", "modified":
		default:
			kept = append(kept, name)
		}
	}
	return kept
}

// invalid gives the first byte that is not UTF-8, -1 if all are.
func invalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// stoppable reads until its context ends.
type stoppable struct {
	ctx context.Context //nolint:containedctx // it lives as long as one read of a file
	in  io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.in.Read(p)
}

// Walk reads the files under the roots, one after the other: visit gets each document, fault what is wrong with a file.
// The error is visit's, or that of ctx.
func Walk(ctx context.Context, roots []Root, opts *Options, visit func(*File, Item) error, fault func(Fault)) error {
	files, faults, err := Find(ctx, roots, opts)
	if err != nil {
		return err
	}
	for _, f := range faults {
		fault(f)
	}
	for _, f := range files {
		var stop error
		_, err := f.Each(ctx, opts, func(item Item) error {
			stop = visit(f, item)
			return stop
		})
		switch {
		case stop != nil:
			return stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fault(Fault{f.Path, err})
		}
	}
	return nil
}
