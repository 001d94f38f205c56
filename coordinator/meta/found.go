package meta

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Founding brings the coordinators of a new cluster to agree on who they are before their raft group is
// bootstrapped, so that nodes which see each other late can't found two clusters. The one with the lowest id
// asks all others for a promise; a coordinator promises once, to one set of founders. With all promises
// the asking one bootstraps the group with that set, and the others are found by it.
type Founding struct {
	cfg FoundingConfig

	// mu guards promised: the founders this node has promised to, joined by commas.
	mu       sync.Mutex
	promised string
}

// FoundingConfig configures a Founding.
type FoundingConfig struct {
	// Self is the node's id, Expect the number of founders.
	Self   string
	Expect int
	// Fresh reports whether this node has no part in a cluster yet.
	Fresh func() bool
	// Seen gives the coordinators that are alive, and whether one of them is in a cluster already: then there
	// is nothing to found.
	Seen   func() (ids []string, founded bool)
	Caller Caller
	// Bootstrap founds the raft group with these voters.
	Bootstrap func(ctx context.Context, founders []string) error
	After     func(time.Duration) <-chan time.Time
}

// NewFounding makes a Founding; it promises as soon as it is registered, and founds when Run is called.
func NewFounding(cfg FoundingConfig) *Founding { return &Founding{cfg: cfg} }

type foundCall struct {
	Founders []string `json:"founders"`
}

type foundAnswer struct {
	Promised bool `json:"promised"`
	// Reason is why not.
	Reason string `json:"reason,omitempty"`
}

// Register makes the node answer those who ask for its promise.
func (f *Founding) Register(handle Handle) {
	handle(MethodFound, func(_ context.Context, body, dst []byte) ([]byte, error) {
		var call foundCall
		if err := decode(body, &call); err != nil {
			return nil, err
		}
		answer := foundAnswer{Promised: true}
		if err := f.promise(call.Founders); err != nil {
			answer = foundAnswer{Reason: err.Error()}
		}
		return appendAnswer(dst, answer)
	})
}

// promise commits this node to a set of founders; an error says why it doesn't.
func (f *Founding) promise(founders []string) error {
	key := strings.Join(founders, ",")
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.cfg.Fresh():
		return errors.New("it belongs to a cluster already")
	case len(founders) != f.cfg.Expect:
		return fmt.Errorf("it expects %d founders, not %d", f.cfg.Expect, len(founders))
	case !slices.Contains(founders, f.cfg.Self):
		return errors.New("it is not among the founders")
	case f.promised != "" && f.promised != key:
		return fmt.Errorf("it has promised to found a cluster of %s", f.promised)
	}
	f.promised = key
	return nil
}

// Run founds the cluster if it falls to this node, and returns when there is one or ctx ends.
func (f *Founding) Run(ctx context.Context) error {
	for f.cfg.Fresh() {
		ids, founded := f.cfg.Seen()
		if founded {
			return nil
		}
		slices.Sort(ids)
		if len(ids) == f.cfg.Expect && ids[0] == f.cfg.Self && f.gather(ctx, ids) == nil {
			if err := f.cfg.Bootstrap(ctx, ids); err != nil {
				return fmt.Errorf("found the cluster: %w", err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.cfg.After(proposePause):
		}
	}
	return nil
}

// gather asks every founder for its promise.
func (f *Founding) gather(ctx context.Context, founders []string) error {
	if err := f.promise(founders); err != nil {
		return err
	}
	body, err := encode(foundCall{founders})
	if err != nil {
		return err
	}
	for _, node := range founders {
		if node == f.cfg.Self {
			continue
		}
		if err := f.askPromise(ctx, node, body); err != nil {
			return fmt.Errorf("ask %s to found a cluster: %w", node, err)
		}
	}
	return nil
}

func (f *Founding) askPromise(ctx context.Context, node string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := f.cfg.Caller.Call(ctx, node, MethodFound, body)
	if err != nil {
		return err
	}
	var answer foundAnswer
	if err := decode(data, &answer); err != nil {
		return err
	}
	if !answer.Promised {
		return errors.New(answer.Reason)
	}
	return nil
}
