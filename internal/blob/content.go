package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Content is what an object holds.
type Content struct {
	// Size is in bytes.
	Size int64
	// SHA256 is the digest of all of them.
	SHA256 [sha256.Size]byte
}

// ContentOf gives the content of bytes.
func ContentOf(data []byte) Content {
	return Content{Size: int64(len(data)), SHA256: sha256.Sum256(data)}
}

// Digest reads r to its end and gives its content.
func Digest(r io.Reader) (Content, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return Content{}, fmt.Errorf("digest: %w", err)
	}
	return Content{Size: n, SHA256: [sha256.Size]byte(h.Sum(nil))}, nil
}

func (c Content) String() string {
	return fmt.Sprintf("%d bytes of %s", c.Size, hex.EncodeToString(c.SHA256[:8]))
}

// checked passes on what it reads, and gives ErrContent instead of the last bytes if they are not those of its content:
// whoever gets everything got the right thing.
type checked struct {
	from io.Reader
	want Content
	read int64
	sum  hash.Hash
	err  error
}

func check(from io.Reader, want Content) *checked {
	return &checked{from: from, want: want, sum: sha256.New()}
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.read == c.want.Size {
		return 0, c.end()
	}
	if rest := c.want.Size - c.read; int64(len(p)) > rest {
		p = p[:rest]
	}
	n, err := c.from.Read(p)
	c.read += int64(n)
	c.sum.Write(p[:n])
	switch {
	case c.read == c.want.Size:
		if [sha256.Size]byte(c.sum.Sum(nil)) != c.want.SHA256 {
			c.err = fmt.Errorf("%w: the checksum differs", ErrContent)
			return 0, c.err
		}
		return n, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		c.err = fmt.Errorf("%w: it ends after %d of %d bytes", ErrContent, c.read, c.want.Size)
		return n, c.err
	case err != nil:
		c.err = err
	}
	return n, err
}

// end looks whether there is more than there should be.
func (c *checked) end() error {
	if c.want.Size == 0 && c.want.SHA256 != sha256.Sum256(nil) {
		c.err = fmt.Errorf("%w: the checksum differs", ErrContent)
		return c.err
	}
	var one [1]byte
	for range 3 {
		n, err := c.from.Read(one[:])
		switch {
		case n > 0:
			c.err = fmt.Errorf("%w: it is longer than %d bytes", ErrContent, c.want.Size)
			return c.err
		case err != nil:
			c.err = err
			return err
		}
	}
	c.err = io.EOF
	return io.EOF
}

// Copy writes an object to w and holds it to its content: ErrContent if it has another one. What was written before
// that was found must not be used. w may be called until Copy returns only.
func Copy(ctx context.Context, s Store, name string, want Content, w io.Writer) (err error) {
	body, size, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if size != want.Size {
		return fmt.Errorf("read object %s: %w: it has %d bytes, not %d", name, ErrContent, size, want.Size)
	}
	if _, err := io.Copy(w, check(body, want)); err != nil {
		return fmt.Errorf("read object %s: %w", name, err)
	}
	return nil
}

// ReadAll gives an object of at most limit bytes: ErrTooLarge for a larger one, before memory is taken for it.
func ReadAll(ctx context.Context, s Store, name string, limit int64) (data []byte, err error) {
	body, size, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if size > limit {
		return nil, fmt.Errorf("read object %s of %d bytes, at most %d are allowed: %w", name, size, limit, ErrTooLarge)
	}
	data, err = io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read object %s: %w", name, err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("read object %s, at most %d bytes are allowed: %w", name, limit, ErrTooLarge)
	case int64(len(data)) != size:
		return nil, fmt.Errorf("read object %s: %w: it ends after %d of %d bytes", name, ErrContent, len(data), size)
	}
	return data, nil
}
