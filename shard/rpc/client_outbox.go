package rpc

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/shard/replica"
)

// Current gives the present versions of documents, at most MaxIDs, and how many wait for a vector of a generation.
func (c *Client) Current(ctx context.Context, node string, call Call, ids []string, generation int,
) (replica.Presence, Mark, error) {
	var a currentAnswer
	err := c.ask(ctx, node, MethodCurrent, &currentCall{call, generation, ids}, &a)
	if err == nil && len(a.presence.Versions) != len(ids) {
		err = fmt.Errorf("%w: %d versions of %d ids", ErrMessage, len(a.presence.Versions), len(ids))
	}
	if err != nil {
		return replica.Presence{}, Mark{}, fmt.Errorf("ask node %s for versions: %w", node, err)
	}
	return a.presence, a.mark, nil
}

// SelectIDs gives the ids, ascending, of the documents that a filter selects, at most limit and MaxIDs.
func (c *Client) SelectIDs(ctx context.Context, node string, call Call, filter api.Query, limit int,
) ([]string, Mark, error) {
	var a idsAnswer
	if err := c.ask(ctx, node, MethodSelectIDs, &selectCall{call, filter, limit}, &a); err != nil {
		return nil, Mark{}, fmt.Errorf("select documents at node %s: %w", node, err)
	}
	return a.ids, a.mark, nil
}

// Position tells by what a replica answers.
func (c *Client) Position(ctx context.Context, node string, call Call) (replica.Position, Mark, error) {
	var a positionAnswer
	if err := c.ask(ctx, node, MethodPosition, &shardCall{call}, &a); err != nil {
		return replica.Position{}, Mark{}, fmt.Errorf("ask node %s for a position: %w", node, err)
	}
	return a.position, a.mark, nil
}

// DenseStatus tells of every generation of vectors.
func (c *Client) DenseStatus(ctx context.Context, node string, call Call) ([]replica.GenerationStatus, Mark, error) {
	var a statusAnswer
	if err := c.ask(ctx, node, MethodDenseStatus, &shardCall{call}, &a); err != nil {
		return nil, Mark{}, fmt.Errorf("ask node %s for the dense leg: %w", node, err)
	}
	return a.generations, a.mark, nil
}

// DenseFailures gives the documents that can't be embedded.
func (c *Client) DenseFailures(ctx context.Context, node string, call Call, generation int,
) (replica.Failures, Mark, error) {
	var a failuresAnswer
	if err := c.ask(ctx, node, MethodDenseFailures, &generationCall{call, generation}, &a); err != nil {
		return replica.Failures{}, Mark{}, fmt.Errorf("ask node %s for failures: %w", node, err)
	}
	return a.failures, a.mark, nil
}

// RetryDense makes the leader try the documents once more that could not be embedded.
func (c *Client) RetryDense(ctx context.Context, node string, call Call, generation int) (Mark, error) {
	var a markAnswer
	if err := c.ask(ctx, node, MethodRetryDense, &generationCall{call, generation}, &a); err != nil {
		return Mark{}, fmt.Errorf("repeat failures at node %s: %w", node, err)
	}
	return a.mark, nil
}

// RepairDense makes the leader look again at what is in the dense index of some documents, at most MaxIDs.
func (c *Client) RepairDense(ctx context.Context, node string, call Call, generation int, ids []string,
) (Mark, error) {
	var a markAnswer
	if err := c.ask(ctx, node, MethodRepairDense, &repairCall{call, generation, ids}, &a); err != nil {
		return Mark{}, fmt.Errorf("repair the dense leg at node %s: %w", node, err)
	}
	return a.mark, nil
}

// ListKeys gives what a replica holds of its documents, ascending by id, from after on, at most limit and MaxKeys.
func (c *Client) ListKeys(ctx context.Context, node string, call Call, after string, limit int,
) ([]replica.KeyState, Mark, error) {
	var a keysAnswer
	if err := c.ask(ctx, node, MethodListKeys, &keysCall{call, after, limit}, &a); err != nil {
		return nil, Mark{}, fmt.Errorf("list keys at node %s: %w", node, err)
	}
	return a.keys, a.mark, nil
}
