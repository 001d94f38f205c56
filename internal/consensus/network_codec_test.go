package consensus

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// some draws bytes, nil where there are none: a message does not tell the two apart.
func some(t *rapid.T, name string) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, name)
	if len(b) == 0 {
		return nil
	}
	return b
}

func number(t *rapid.T, name string) uint64 { return rapid.Uint64().Draw(t, name) }

func anyHeader(t *rapid.T) raft.RPCHeader {
	return raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersion(rapid.Int().Draw(t, "version")), ID: some(t, "id"), Addr: some(t, "address"),
	}
}

func anyEntry(t *rapid.T) *raft.Log {
	entry := &raft.Log{
		Index: number(t, "index"), Term: number(t, "term"), Type: raft.LogType(rapid.Byte().Draw(t, "type")),
		Data: some(t, "data"), Extensions: some(t, "extensions"),
	}
	if at := rapid.Int64Range(-1<<62, 1<<62).Draw(t, "at"); at%3 != 0 {
		entry.AppendedAt = time.Unix(0, at)
	}
	return entry
}

// Every field of every message arrives.
func TestMessages(t *testing.T) {
	requests := map[string]func(*rapid.T) (kind byte, q any, e *encoder){
		"append": func(t *rapid.T) (byte, any, *encoder) {
			q := &raft.AppendEntriesRequest{
				RPCHeader: anyHeader(t), Term: number(t, "term"), Leader: some(t, "leader"),
				PrevLogEntry: number(t, "previous"), PrevLogTerm: number(t, "previous term"),
				LeaderCommitIndex: number(t, "commit"),
			}
			for range rapid.IntRange(0, 3).Draw(t, "entries") {
				q.Entries = append(q.Entries, anyEntry(t))
			}
			e := startRequest(kindAppend, "g")
			e.appendRequest(q)
			return kindAppend, q, e
		},
		"vote": func(t *rapid.T) (byte, any, *encoder) {
			q := &raft.RequestVoteRequest{
				RPCHeader: anyHeader(t), Term: number(t, "term"), Candidate: some(t, "candidate"),
				LastLogIndex: number(t, "last"), LastLogTerm: number(t, "last term"),
				LeadershipTransfer: rapid.Bool().Draw(t, "transfer"),
			}
			e := startRequest(kindVote, "g")
			e.voteRequest(q)
			return kindVote, q, e
		},
		"pre-vote": func(t *rapid.T) (byte, any, *encoder) {
			q := &raft.RequestPreVoteRequest{
				RPCHeader: anyHeader(t), Term: number(t, "term"), LastLogIndex: number(t, "last"),
				LastLogTerm: number(t, "last term"),
			}
			e := startRequest(kindPreVote, "g")
			e.preVoteRequest(q)
			return kindPreVote, q, e
		},
		"timeout": func(t *rapid.T) (byte, any, *encoder) {
			q := &raft.TimeoutNowRequest{RPCHeader: anyHeader(t)}
			e := startRequest(kindTimeoutNow, "g")
			e.header(&q.RPCHeader)
			return kindTimeoutNow, q, e
		},
		"snapshot": func(t *rapid.T) (byte, any, *encoder) {
			q := &raft.InstallSnapshotRequest{
				RPCHeader: anyHeader(t), SnapshotVersion: raft.SnapshotVersion(rapid.Int().Draw(t, "version")),
				Term: number(t, "term"), Leader: some(t, "leader"), LastLogIndex: number(t, "last"),
				LastLogTerm: number(t, "last term"), Peers: some(t, "peers"), Configuration: some(t, "configuration"),
				ConfigurationIndex: number(t, "configuration index"), Size: rapid.Int64().Draw(t, "size"),
			}
			e := startRequest(kindSnapshot, "g")
			e.snapshotRequest(q, []byte("reference"))
			return kindSnapshot, q, e
		},
	}
	for name, make := range requests {
		t.Run(name+" request", func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want, q, e := make(t)
				d := &decoder{data: e.buf}
				kind, group := d.head()
				require.Equal(t, "g", group)
				require.Equal(t, want, kind)
				call, err := d.request(kind)
				require.NoError(t, err)
				require.Equal(t, q, call.Command)
			})
		})
	}
}

func TestAnswers(t *testing.T) {
	answers := map[string]struct {
		make func(*rapid.T) any
		read func(*decoder) any
	}{
		"append": {
			func(t *rapid.T) any {
				return &raft.AppendEntriesResponse{
					RPCHeader: anyHeader(t), Term: number(t, "term"), LastLog: number(t, "last"),
					Success: rapid.Bool().Draw(t, "success"), NoRetryBackoff: rapid.Bool().Draw(t, "no backoff"),
				}
			},
			func(d *decoder) any { r := d.appendResponse(); return &r },
		},
		"vote": {
			func(t *rapid.T) any {
				return &raft.RequestVoteResponse{
					RPCHeader: anyHeader(t), Term: number(t, "term"), Peers: some(t, "peers"),
					Granted: rapid.Bool().Draw(t, "granted"),
				}
			},
			func(d *decoder) any { r := d.voteResponse(); return &r },
		},
		"pre-vote": {
			func(t *rapid.T) any {
				return &raft.RequestPreVoteResponse{
					RPCHeader: anyHeader(t), Term: number(t, "term"), Granted: rapid.Bool().Draw(t, "granted"),
				}
			},
			func(d *decoder) any { r := d.preVoteResponse(); return &r },
		},
		"snapshot": {
			func(t *rapid.T) any {
				return &raft.InstallSnapshotResponse{
					RPCHeader: anyHeader(t), Term: number(t, "term"), Success: rapid.Bool().Draw(t, "success"),
				}
			},
			func(d *decoder) any { r := d.snapshotResponse(); return &r },
		},
		"timeout": {
			func(t *rapid.T) any { return &raft.TimeoutNowResponse{RPCHeader: anyHeader(t)} },
			func(d *decoder) any { return &raft.TimeoutNowResponse{RPCHeader: d.header()} },
		},
	}
	for name, c := range answers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := c.make(t)
				raw, err := appendResponse([]byte("before"), want)
				require.NoError(t, err)
				d, err := openAnswer(raw[len("before"):])
				require.NoError(t, err)
				require.Equal(t, want, c.read(d))
				require.NoError(t, d.end())
			})
		})
	}
	t.Run("status", func(t *testing.T) {
		want := Stats{"Leader", "a", 1, 2, 3, 4, 5, 6, 7, "no", []Server{{"a", true}, {"b", false}}}
		e := startAnswer(nil)
		e.stats(want)
		d, err := openAnswer(e.buf)
		require.NoError(t, err)
		require.Equal(t, want, d.stats())
		require.NoError(t, d.end())
	})
	t.Run("refusals", func(t *testing.T) {
		_, err := openAnswer(appendRefusal(nil, statusNoGroup, "here"))
		require.ErrorIs(t, err, ErrNoGroup)
		_, err = openAnswer(appendRefusal(nil, statusError, "unexpected command"))
		require.EqualError(t, err, "unexpected command")
		_, err = openAnswer(appendRefusal(nil, 77, ""))
		require.ErrorIs(t, err, ErrMessage)
		_, err = openAnswer([]byte{networkVersion + 1, statusOK})
		require.ErrorIs(t, err, ErrMessage)
		_, err = appendResponse(nil, 1)
		require.ErrorIs(t, err, ErrMessage)
	})
}

// FuzzServe: no message makes a node panic, hang or keep what was not sent.
func FuzzServe(f *testing.F) {
	for _, fill := range map[byte]func(*encoder){
		kindAppend: func(e *encoder) {
			e.appendRequest(&raft.AppendEntriesRequest{RPCHeader: fromB(), Entries: []*raft.Log{
				{Index: 1, Term: 1, Data: []byte("d")},
				{Index: 2, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(trio())},
			}})
		},
		kindVote:    func(e *encoder) { e.voteRequest(&raft.RequestVoteRequest{RPCHeader: fromB()}) },
		kindPreVote: func(e *encoder) { e.preVoteRequest(&raft.RequestPreVoteRequest{RPCHeader: fromB()}) },
		kindSnapshot: func(e *encoder) {
			e.snapshotRequest(&raft.InstallSnapshotRequest{RPCHeader: fromB()}, []byte("reference"))
		},
		kindTimeoutNow: func(e *encoder) { e.header(&raft.RPCHeader{}) },
		kindStatus:     func(*encoder) {},
	} {
		for kind := kindAppend; kind <= kindStatus; kind++ {
			e := startRequest(kind, "g")
			fill(e)
			f.Add(e.buf)
		}
	}
	n := NewNetwork("x", nil, slog.New(slog.DiscardHandler))
	l := n.Transport("g")
	go func() {
		for call := range l.incoming {
			call.Respond(&raft.TimeoutNowResponse{}, nil)
		}
	}()
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := n.Serve(context.Background(), body, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrMessage)
			return
		}
		if _, err := openAnswer(answer); err != nil {
			require.ErrorIs(t, err, ErrNoGroup)
		}
	})
}

// FuzzAnswer: nor does any answer.
func FuzzAnswer(f *testing.F) {
	raw, err := appendResponse(nil, &raft.AppendEntriesResponse{RPCHeader: fromB(), Term: 3})
	require.NoError(f, err)
	f.Add(raw)
	f.Add(appendRefusal(nil, statusError, "text"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, read := range []func(*decoder){
			func(d *decoder) { d.appendResponse() }, func(d *decoder) { d.voteResponse() },
			func(d *decoder) { d.preVoteResponse() }, func(d *decoder) { d.snapshotResponse() },
			func(d *decoder) { d.stats() },
		} {
			d, err := openAnswer(answer)
			if err != nil {
				return
			}
			read(d)
			if err := d.end(); err != nil {
				require.ErrorIs(t, err, ErrMessage)
			}
		}
	})
}
