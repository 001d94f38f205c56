package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// A request is: version u8, kind u8, group, and the kind's fields. An answer is: version u8, status u8, and the
// fields of the answer, or for a status other than ok a text. Integers are varints, byte strings have a length before
// them. Fields are never left out; a change of them is a new version.
const networkVersion = 1

const (
	kindAppend byte = 1 + iota
	kindVote
	kindPreVote
	kindTimeoutNow
	kindSnapshot
	kindStatus
)

const (
	statusOK byte = iota
	statusError
	statusNoGroup
)

// noTime stands for an entry without a time of appending.
const noTime = int64(-1 << 63)

func startRequest(kind byte, group string) *encoder {
	e := &encoder{buf: []byte{networkVersion, kind}}
	e.str(group)
	return e
}

func startAnswer(dst []byte) *encoder { return &encoder{buf: append(dst, networkVersion, statusOK)} }

func appendRefusal(dst []byte, status byte, text string) []byte {
	e := encoder{buf: append(dst, networkVersion, status)}
	e.str(text)
	return e.buf
}

// appendResponse appends raft's answer.
func appendResponse(dst []byte, response any) ([]byte, error) {
	e := startAnswer(dst)
	switch r := response.(type) {
	case *raft.AppendEntriesResponse:
		e.header(&r.RPCHeader)
		e.uint(r.Term)
		e.uint(r.LastLog)
		e.bool(r.Success)
		e.bool(r.NoRetryBackoff)
	case *raft.RequestVoteResponse:
		e.header(&r.RPCHeader)
		e.uint(r.Term)
		e.bytes(r.Peers)
		e.bool(r.Granted)
	case *raft.RequestPreVoteResponse:
		e.header(&r.RPCHeader)
		e.uint(r.Term)
		e.bool(r.Granted)
	case *raft.InstallSnapshotResponse:
		e.header(&r.RPCHeader)
		e.uint(r.Term)
		e.bool(r.Success)
	case *raft.TimeoutNowResponse:
		e.header(&r.RPCHeader)
	default:
		return dst, fmt.Errorf("encode answer of type %T: %w", response, ErrMessage)
	}
	return e.buf, nil
}

func (e *encoder) header(h *raft.RPCHeader) {
	e.int(int64(h.ProtocolVersion))
	e.bytes(h.ID)
	e.bytes(h.Addr)
}

func (e *encoder) appendRequest(q *raft.AppendEntriesRequest) {
	e.header(&q.RPCHeader)
	e.uint(q.Term)
	e.bytes(q.Leader)
	e.uint(q.PrevLogEntry)
	e.uint(q.PrevLogTerm)
	e.uint(q.LeaderCommitIndex)
	e.uint(uint64(len(q.Entries)))
	for _, entry := range q.Entries {
		e.uint(entry.Index)
		e.uint(entry.Term)
		e.byte(byte(entry.Type))
		at := noTime
		if !entry.AppendedAt.IsZero() {
			at = entry.AppendedAt.UnixNano()
		}
		e.int(at)
		e.bytes(entry.Extensions)
		e.bytes(entry.Data)
	}
}

func (e *encoder) voteRequest(q *raft.RequestVoteRequest) {
	e.header(&q.RPCHeader)
	e.uint(q.Term)
	e.bytes(q.Candidate)
	e.uint(q.LastLogIndex)
	e.uint(q.LastLogTerm)
	e.bool(q.LeadershipTransfer)
}

func (e *encoder) preVoteRequest(q *raft.RequestPreVoteRequest) {
	e.header(&q.RPCHeader)
	e.uint(q.Term)
	e.uint(q.LastLogIndex)
	e.uint(q.LastLogTerm)
}

func (e *encoder) snapshotRequest(q *raft.InstallSnapshotRequest, content []byte) {
	e.header(&q.RPCHeader)
	e.int(int64(q.SnapshotVersion))
	e.uint(q.Term)
	e.bytes(q.Leader)
	e.uint(q.LastLogIndex)
	e.uint(q.LastLogTerm)
	e.bytes(q.Peers)
	e.bytes(q.Configuration)
	e.uint(q.ConfigurationIndex)
	e.int(q.Size)
	e.bytes(content)
}

func (e *encoder) stats(s Stats) {
	e.str(s.State)
	e.str(s.Leader)
	for _, v := range []uint64{
		s.Term, s.CommitIndex, s.AppliedIndex, s.DurableIndex, s.FirstIndex, s.LastIndex, s.SnapshotIndex,
	} {
		e.uint(v)
	}
	e.str(s.Failed)
	e.uint(uint64(len(s.Members)))
	for _, m := range s.Members {
		e.str(m.ID)
		e.bool(m.Voter)
	}
}

func (d *decoder) version() {
	if v := d.byte(); d.err == nil && v != networkVersion {
		d.err = fmt.Errorf("decode message of version %d, this program reads %d: %w", v, networkVersion, ErrMessage)
	}
}

// head reads what every request begins with.
func (d *decoder) head() (kind byte, group string) {
	d.version()
	kind = d.byte()
	return kind, d.str()
}

// openAnswer gives the fields of an answer, or the error it holds.
func openAnswer(answer []byte) (*decoder, error) {
	d := &decoder{data: answer}
	d.version()
	status := d.byte()
	if d.err != nil || status == statusOK {
		return d, d.err
	}
	text := d.str()
	if err := d.end(); err != nil {
		return nil, err
	}
	switch status {
	case statusNoGroup:
		return nil, fmt.Errorf("%w: %s", ErrNoGroup, text)
	case statusError:
		return nil, errors.New(text)
	default:
		return nil, fmt.Errorf("decode answer of status %d: %w", status, ErrMessage)
	}
}

// request reads the fields of a request of the kind. What it gives owns its bytes: raft may use them for longer than
// the call lasts.
func (d *decoder) request(kind byte) (raft.RPC, error) {
	var call raft.RPC
	switch kind {
	case kindAppend:
		d.data = bytes.Clone(d.data)
		call.Command = d.appendRequest()
	case kindVote:
		d.data = bytes.Clone(d.data)
		call.Command = d.voteRequest()
	case kindPreVote:
		d.data = bytes.Clone(d.data)
		call.Command = d.preVoteRequest()
	case kindTimeoutNow:
		d.data = bytes.Clone(d.data)
		call.Command = &raft.TimeoutNowRequest{RPCHeader: d.header()}
	case kindSnapshot:
		d.data = bytes.Clone(d.data)
		q, content := d.snapshotRequest()
		call.Command, call.Reader = q, bytes.NewReader(content)
	default:
		return call, fmt.Errorf("decode request of kind %d: %w", kind, ErrMessage)
	}
	return call, d.end()
}

func (d *decoder) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(d.int()), ID: d.bytes(), Addr: d.bytes()}
}

func (d *decoder) appendRequest() *raft.AppendEntriesRequest {
	q := &raft.AppendEntriesRequest{
		RPCHeader: d.header(), Term: d.uint(), Leader: d.bytes(), PrevLogEntry: d.uint(), PrevLogTerm: d.uint(),
		LeaderCommitIndex: d.uint(),
	}
	const least = 6 // bytes of an entry
	n := d.count(least)
	if n > 0 {
		q.Entries = make([]*raft.Log, 0, n)
	}
	for range n {
		entry := &raft.Log{Index: d.uint(), Term: d.uint(), Type: raft.LogType(d.byte())}
		if at := d.int(); at != noTime {
			entry.AppendedAt = time.Unix(0, at)
		}
		entry.Extensions, entry.Data = d.bytes(), d.bytes()
		q.Entries = append(q.Entries, entry)
	}
	return q
}

func (d *decoder) voteRequest() *raft.RequestVoteRequest {
	return &raft.RequestVoteRequest{
		RPCHeader: d.header(), Term: d.uint(), Candidate: d.bytes(), LastLogIndex: d.uint(), LastLogTerm: d.uint(),
		LeadershipTransfer: d.bool(),
	}
}

func (d *decoder) preVoteRequest() *raft.RequestPreVoteRequest {
	return &raft.RequestPreVoteRequest{
		RPCHeader: d.header(), Term: d.uint(), LastLogIndex: d.uint(), LastLogTerm: d.uint(),
	}
}

func (d *decoder) snapshotRequest() (*raft.InstallSnapshotRequest, []byte) {
	q := &raft.InstallSnapshotRequest{
		RPCHeader: d.header(), SnapshotVersion: raft.SnapshotVersion(d.int()), Term: d.uint(), Leader: d.bytes(),
		LastLogIndex: d.uint(), LastLogTerm: d.uint(), Peers: d.bytes(), Configuration: d.bytes(),
		ConfigurationIndex: d.uint(), Size: d.int(),
	}
	return q, d.bytes()
}

func (d *decoder) appendResponse() raft.AppendEntriesResponse {
	return raft.AppendEntriesResponse{
		RPCHeader: d.header(), Term: d.uint(), LastLog: d.uint(), Success: d.bool(), NoRetryBackoff: d.bool(),
	}
}

func (d *decoder) voteResponse() raft.RequestVoteResponse {
	return raft.RequestVoteResponse{RPCHeader: d.header(), Term: d.uint(), Peers: d.bytes(), Granted: d.bool()}
}

func (d *decoder) preVoteResponse() raft.RequestPreVoteResponse {
	return raft.RequestPreVoteResponse{RPCHeader: d.header(), Term: d.uint(), Granted: d.bool()}
}

func (d *decoder) snapshotResponse() raft.InstallSnapshotResponse {
	return raft.InstallSnapshotResponse{RPCHeader: d.header(), Term: d.uint(), Success: d.bool()}
}

func (d *decoder) stats() Stats {
	s := Stats{
		State: d.str(), Leader: d.str(), Term: d.uint(), CommitIndex: d.uint(), AppliedIndex: d.uint(),
		DurableIndex: d.uint(), FirstIndex: d.uint(), LastIndex: d.uint(), SnapshotIndex: d.uint(), Failed: d.str(),
	}
	for range d.count(2) {
		s.Members = append(s.Members, Server{ID: d.str(), Voter: d.bool()})
	}
	return s
}
