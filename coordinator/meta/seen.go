package meta

import (
	"context"
	"fmt"
)

// seenAnswer tells how far a node is.
type seenAnswer struct {
	Version uint64 `json:"version"`
}

// RegisterSeen makes a node tell others which version of the metadata it goes by.
func RegisterSeen(handle Handle, source Source) {
	handle(MethodSeen, func(_ context.Context, _, dst []byte) ([]byte, error) {
		return appendAnswer(dst, seenAnswer{source.View().Version()})
	})
}

// Seen asks a node which version of the metadata it goes by.
func Seen(ctx context.Context, caller Caller, node string) (uint64, error) {
	body, err := encode(struct{}{})
	if err != nil {
		return 0, err
	}
	answer, err := caller.Call(ctx, node, MethodSeen, body)
	if err != nil {
		return 0, fmt.Errorf("ask node %s for its metadata: %w", node, err)
	}
	var seen seenAnswer
	if err := decode(answer, &seen); err != nil {
		return 0, fmt.Errorf("ask node %s for its metadata: %w", node, err)
	}
	return seen.Version, nil
}
