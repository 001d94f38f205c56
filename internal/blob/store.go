package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// Store keeps objects by name. Its methods may be called by any number of goroutines. A store alone neither repeats
// what failed nor ends what hangs: see Guard.
type Store interface {
	// Put stores an object that must have the given content: ErrContent otherwise, and nothing is stored. ErrExists,
	// and nothing changes, if an object has the name. What Put has stored is durable, and there whole or not at all.
	Put(ctx context.Context, name string, body Body, content Content) error
	// Get opens an object and gives its size; ErrNotFound. Whoever reads it closes it, and holds it to what is known
	// of it: see Copy and ReadAll.
	Get(ctx context.Context, name string) (io.ReadCloser, int64, error)
	// Stat describes an object; ErrNotFound.
	Stat(ctx context.Context, name string) (Info, error)
	// List calls each with the objects whose names begin with prefix, in no order, until it gives an error, which List
	// returns. Objects that come and go meanwhile may be among them or not.
	List(ctx context.Context, prefix string, each func(Info) error) error
	// Delete removes an object; one that is not there is none.
	Delete(ctx context.Context, name string) error
}

// Info describes an object.
type Info struct {
	Name string
	// Size is in bytes.
	Size int64
	// Modified is when it was stored, by the store's clock.
	Modified time.Time
}

// Body opens what is to be stored, from its beginning; it is opened again to repeat a Put. One that was opened may
// still be read after Put has returned, if the store hangs, so each has its own.
type Body func() (io.ReadCloser, error)

// Bytes gives a body of bytes, which must not change any more.
func Bytes(data []byte) Body {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// File gives a body of a file.
func File(path string) Body {
	return func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open what is to be stored: %w", err)
		}
		return f, nil
	}
}
