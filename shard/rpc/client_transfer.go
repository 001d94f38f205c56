package rpc

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// OpenCheckpoint makes a node keep a checkpoint of its replica of a group. Paths in the answer have passed
// CheckPath, and none is there twice. The session must be closed.
func (c *Client) OpenCheckpoint(ctx context.Context, node, group string) (Checkpoint, error) {
	var a openAnswer
	if err := c.ask(ctx, node, MethodOpenCheckpoint, &openCall{group}, &a); err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint of %s at node %s: %w", group, node, err)
	}
	return a.checkpoint, nil
}

// ReadFile gives length bytes, at most MaxPiece, of a file from an offset on; fewer only where the file
// ends. A piece that was damaged on the way is ErrChecksum.
func (c *Client) ReadFile(
	ctx context.Context, node, session, path string, offset int64, length int,
) ([]byte, error) {
	var a readAnswer
	err := c.ask(ctx, node, MethodReadFile, &readCall{session, path, offset, length}, &a)
	if err == nil && len(a.piece) > length {
		err = fmt.Errorf("%w: %d bytes of %d", ErrMessage, len(a.piece), length)
	}
	if err != nil {
		return nil, fmt.Errorf("read file %q at node %s: %w", path, node, err)
	}
	return a.piece, nil
}

// CopyFile writes a whole file of a checkpoint to w, piece by piece, and holds it against its size and its
// SHA-256; ErrChecksum if it is another. The pace is w's.
func (c *Client) CopyFile(ctx context.Context, node, session string, file File, w io.Writer) error {
	sum := sha256.New()
	for at := int64(0); at < file.Size; {
		piece, err := c.ReadFile(ctx, node, session, file.Path, at, int(min(MaxPiece, file.Size-at)))
		if err != nil {
			return err
		}
		if len(piece) == 0 {
			return fmt.Errorf("copy file %q from node %s: %w: it ends at %d of %d bytes", file.Path, node, ErrChecksum,
				at, file.Size)
		}
		sum.Write(piece)
		if _, err := w.Write(piece); err != nil {
			return fmt.Errorf("copy file %q from node %s: %w", file.Path, node, err)
		}
		at += int64(len(piece))
	}
	if [sha256.Size]byte(sum.Sum(nil)) != file.SHA256 {
		return fmt.Errorf("copy file %q from node %s: %w", file.Path, node, ErrChecksum)
	}
	return nil
}

// CloseCheckpoint lets the node forget a checkpoint; one that it has forgotten already is no error.
func (c *Client) CloseCheckpoint(ctx context.Context, node, session string) error {
	if err := c.ask(ctx, node, MethodCloseCheckpoint, &closeCall{session}, &emptyAnswer{}); err != nil {
		return fmt.Errorf("close checkpoint at node %s: %w", node, err)
	}
	return nil
}
