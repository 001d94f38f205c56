package consensus

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Link is one group's transport over a Network. It has no way of its own for heartbeats and no pipelines.
type Link struct {
	network  *Network
	group    string
	timeout  time.Duration // of a call without entries
	incoming chan raft.RPC

	ctx    context.Context // of the calls to others; ends with Close
	cancel context.CancelFunc

	stopOnce sync.Once
	stopped  chan struct{} // closed when no more calls are answered

	owner    atomic.Pointer[Group] // nil until it has started
	suspects atomic.Int64          // when a suspicion was last acted on, Unix nanoseconds
}

func newLink(n *Network, group string) *Link {
	l := &Link{
		network: n, group: group, timeout: defaultTimeout, incoming: make(chan raft.RPC), stopped: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Close unregisters the group, refuses what waits to be answered and ends calls to others.
func (l *Link) Close() error {
	l.network.unregister(l)
	l.stop()
	l.cancel()
	return nil
}

// stop refuses calls from others from now on; nobody may be left to take them.
func (l *Link) stop() { l.stopOnce.Do(func() { close(l.stopped) }) }

// check refuses what would end the replica, or the process: raft trusts its peers. It also keeps an append's commit
// index within what the append has proved to be the leader's; raft takes it to the end of the log, whatever is there.
func (l *Link) check(command any) error {
	switch q := command.(type) {
	case *raft.AppendEntriesRequest:
		for i, entry := range q.Entries {
			if entry.Index != q.PrevLogEntry+1+uint64(i) {
				return fmt.Errorf("append entry %d after %d: %w", entry.Index, q.PrevLogEntry+uint64(i), ErrMessage)
			}
			switch entry.Type {
			case raft.LogCommand, raft.LogNoop, raft.LogBarrier:
			case raft.LogConfiguration:
				if _, err := decodeConfiguration(entry.Data); err != nil {
					return err
				}
			default:
				return fmt.Errorf("append entry %d of type %d: %w", entry.Index, entry.Type, ErrMessage)
			}
		}
		q.LeaderCommitIndex = min(q.LeaderCommitIndex, q.PrevLogEntry+uint64(len(q.Entries)))
	case *raft.InstallSnapshotRequest:
		_, err := decodeConfiguration(q.Configuration)
		return err
	case *raft.TimeoutNowRequest:
		if g := l.owner.Load(); g == nil || !voter(g.raft.GetConfiguration().Configuration(), g.cfg.ID) {
			return fmt.Errorf("elect node %s, which has no vote in group %s: %w", l.network.self, l.group, ErrMessage)
		}
	}
	return nil
}

// decodeConfiguration is raft's, with an error for its panic.
func decodeConfiguration(data []byte) (c raft.Configuration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode configuration of %d bytes: %v: %w", len(data), p, ErrMessage)
		}
	}()
	return raft.DecodeConfiguration(data), nil
}

// serve hands a request to raft and waits for its answer.
func (l *Link) serve(ctx context.Context, call raft.RPC) (any, error) {
	answers := make(chan raft.RPCResponse, 1)
	call.RespChan = answers
	gone := func() error {
		return fmt.Errorf("node %s, group %s is closing: %w", l.network.self, l.group, ErrNoGroup)
	}
	select {
	case <-l.stopped: // first, as a closed channel and a waiting reader would be chosen from at random
		return nil, gone()
	default:
	}
	select {
	case l.incoming <- call:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stopped:
		return nil, gone()
	}
	select {
	case answer := <-answers:
		return answer.Response, answer.Error
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stopped:
		return nil, gone()
	}
}

func (l *Link) serveStatus(d *decoder, dst []byte) ([]byte, error) {
	if err := d.end(); err != nil {
		return dst, err
	}
	g := l.owner.Load()
	if g == nil {
		return appendRefusal(dst, statusNoGroup, fmt.Sprintf("node %s, group %s is starting", l.network.self, l.group)), nil
	}
	e := startAnswer(dst)
	e.stats(g.Stats())
	return e.buf, nil
}

// call sends one request and opens its answer.
func (l *Link) call(ctx context.Context, to raft.ServerID, e *encoder) (*decoder, error) {
	limit := l.timeout + time.Duration(len(e.buf))*time.Second/transferRate
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := l.network.peers.Call(ctx, string(to), e.buf)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreached, err)
	}
	return openAnswer(answer)
}

// Consumer gives the calls of others.
func (l *Link) Consumer() <-chan raft.RPC { return l.incoming }

// LocalAddr is the node's name.
func (l *Link) LocalAddr() raft.ServerAddress { return raft.ServerAddress(l.network.self) }

// EncodePeer gives the address as it is.
func (l *Link) EncodePeer(_ raft.ServerID, address raft.ServerAddress) []byte { return []byte(address) }

// DecodePeer gives the address as it is.
func (l *Link) DecodePeer(address []byte) raft.ServerAddress { return raft.ServerAddress(address) }

// SetHeartbeatHandler does nothing: heartbeats take the way of all calls.
func (l *Link) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline is not supported.
func (l *Link) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries sends the entries, in several calls where they are large: each call is an append by itself.
func (l *Link) AppendEntries(id raft.ServerID, _ raft.ServerAddress, q *raft.AppendEntriesRequest,
	r *raft.AppendEntriesResponse,
) error {
	part := *q
	for rest := q.Entries; ; {
		n := fitting(rest)
		part.Entries, rest = rest[:n], rest[n:]
		e := startRequest(kindAppend, l.group)
		e.appendRequest(&part)
		d, err := l.call(l.ctx, id, e)
		if err != nil {
			return err
		}
		*r = d.appendResponse()
		if err := d.end(); err != nil || !r.Success || len(rest) == 0 {
			return err
		}
		last := part.Entries[n-1]
		part.PrevLogEntry, part.PrevLogTerm = last.Index, last.Term
	}
}

// fitting is how many of the entries go into one call: one at least, if there is any.
func fitting(entries []*raft.Log) int {
	size := 0
	for i, entry := range entries {
		size += len(entry.Data) + len(entry.Extensions)
		if i > 0 && size > maxAppendBytes {
			return i
		}
	}
	return len(entries)
}

// RequestVote asks for a vote.
func (l *Link) RequestVote(id raft.ServerID, _ raft.ServerAddress, q *raft.RequestVoteRequest,
	r *raft.RequestVoteResponse,
) error {
	e := startRequest(kindVote, l.group)
	e.voteRequest(q)
	d, err := l.call(l.ctx, id, e)
	if err != nil {
		return err
	}
	*r = d.voteResponse()
	return d.end()
}

// RequestPreVote asks whether a vote would be granted.
func (l *Link) RequestPreVote(id raft.ServerID, _ raft.ServerAddress, q *raft.RequestPreVoteRequest,
	r *raft.RequestPreVoteResponse,
) error {
	e := startRequest(kindPreVote, l.group)
	e.preVoteRequest(q)
	d, err := l.call(l.ctx, id, e)
	if err != nil {
		return err
	}
	*r = d.preVoteResponse()
	return d.end()
}

// InstallSnapshot sends a snapshot, which is but a reference to files, in one call.
func (l *Link) InstallSnapshot(id raft.ServerID, _ raft.ServerAddress, q *raft.InstallSnapshotRequest,
	r *raft.InstallSnapshotResponse, data io.Reader,
) error {
	content, err := io.ReadAll(io.LimitReader(data, maxReference+1))
	if err != nil {
		return fmt.Errorf("read snapshot to send: %w", err)
	}
	if len(content) > maxReference {
		return fmt.Errorf("send snapshot of more than %d bytes: %w", maxReference, ErrReference)
	}
	e := startRequest(kindSnapshot, l.group)
	e.snapshotRequest(q, content)
	d, err := l.call(l.ctx, id, e)
	if err != nil {
		return err
	}
	*r = d.snapshotResponse()
	return d.end()
}

// TimeoutNow hands leadership over. It outlasts Close: a replica that failed says it as its last word.
func (l *Link) TimeoutNow(id raft.ServerID, _ raft.ServerAddress, q *raft.TimeoutNowRequest,
	r *raft.TimeoutNowResponse,
) error {
	e := startRequest(kindTimeoutNow, l.group)
	e.header(&q.RPCHeader)
	d, err := l.call(context.WithoutCancel(l.ctx), id, e)
	if err != nil {
		return err
	}
	r.RPCHeader = d.header()
	return d.end()
}
