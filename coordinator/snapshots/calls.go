package snapshots

import (
	"context"
	"encoding/json"
	"fmt"

	"sagasu/coordinator/state"
)

// Methods of calls about snapshots to the nodes that hold shards; numbers are never used again for something else.
const (
	methodCut     uint16 = 0x0701
	methodSend    uint16 = 0x0702
	methodStatus  uint16 = 0x0703
	methodDrop    uint16 = 0x0704
	methodFilling uint16 = 0x0705
)

// cutCall asks for a cut of a shard that the node leads. Session names it from then on; Index is the index's UUID.
type cutCall struct {
	Session string `json:"session"`
	Index   string `json:"index"`
	Shard   string `json:"shard"`
}

// cutAnswer has Elsewhere for a shard that another node leads, Leader if that is known.
type cutAnswer struct {
	Elsewhere bool   `json:"elsewhere,omitempty"`
	Leader    string `json:"leader,omitempty"`
	Applied   uint64 `json:"applied"`
	Documents int    `json:"documents"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
}

// sendCall asks to bring what was cut to a repository; asking again does nothing.
type sendCall struct {
	Session    string           `json:"session"`
	Repository state.Repository `json:"repository"`
}

// sessionCall is about a cut; asking keeps it.
type sessionCall struct {
	Session string `json:"session"`
}

// sendStatus says how far it is. Gone is a session that is not known (any more).
type sendStatus struct {
	Gone bool `json:"gone,omitempty"`
	// Done of the bytes are in the repository, Sent were sent.
	Done int64 `json:"done"`
	Sent int64 `json:"sent"`
	// List is set when all is there.
	List *Digest `json:"list,omitempty"`
	// Error is why it failed; Lasting says that it will again.
	Error   string `json:"error,omitempty"`
	Lasting bool   `json:"lasting,omitempty"`
}

// fillingCall asks how far a node is with the shards of an index that is being restored.
type fillingCall struct {
	Index string `json:"index"`
}

// fillingAnswer adds up the node's shards of the index. Error is why one can't be filled; Lasting says that it never can.
type fillingAnswer struct {
	Done    int64  `json:"done"`
	Total   int64  `json:"total"`
	Error   string `json:"error,omitempty"`
	Lasting bool   `json:"lasting,omitempty"`
}

// Caller carries a call to a node, which may be this one.
type Caller interface {
	Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error)
}

// ask makes a call.
func ask[A any](ctx context.Context, c Caller, node string, method uint16, call any) (answer A, err error) {
	body, err := json.Marshal(call)
	if err != nil {
		return answer, fmt.Errorf("encode call: %w", err)
	}
	data, err := c.Call(ctx, node, method, body)
	if err != nil {
		return answer, fmt.Errorf("ask node %s: %w", node, err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("answer of node %s: %w", node, err)
	}
	return answer, nil
}

// Handle registers what answers a method.
type Handle func(method uint16, h func(ctx context.Context, body, dst []byte) ([]byte, error))

// Register makes a node answer calls about snapshots.
func Register(handle Handle, c *Cutter, f *Filler) {
	handle(methodCut, serve(c.cut))
	handle(methodSend, serve(c.send))
	handle(methodStatus, serve(c.status))
	handle(methodDrop, serve(c.drop))
	handle(methodFilling, serve(f.filling))
}

func serve[C, A any](answer func(context.Context, C) (A, error)) func(context.Context, []byte, []byte) ([]byte, error) {
	return func(ctx context.Context, body, dst []byte) ([]byte, error) {
		var call C
		if err := json.Unmarshal(body, &call); err != nil {
			return nil, fmt.Errorf("call about snapshots: %w", err)
		}
		a, err := answer(ctx, call)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encode answer: %w", err)
		}
		return append(dst, data...), nil
	}
}
