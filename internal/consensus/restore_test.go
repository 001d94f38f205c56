package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"sagasu/internal/consensus/boltstore"
)

// stateFile holds a journal's commands, as far as they are durable.
const stateFile = "state"

func (j *journal) save(dir string) (uint64, error) {
	durable, err := j.Persist(context.Background())
	if err != nil {
		return 0, err
	}
	raw, err := json.Marshal(j.reopen().applied)
	if err != nil {
		return 0, err
	}
	return durable, os.WriteFile(filepath.Join(dir, stateFile), raw, 0o600)
}

func loadJournal(t testing.TB, dir string) *journal {
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	require.NoError(t, err)
	j := &journal{}
	require.NoError(t, json.Unmarshal(raw, &j.applied))
	j.durable = len(j.applied)
	return j
}

// lagging is a mesh whose replica `behind` lacks what the others' logs no longer hold, and is to fetch it.
type lagging struct {
	*mesh
	behind  int
	fetches atomic.Int64
	// before a fetch; an error is the fetch's.
	before func(leader *Group) error
}

func newLagging(t testing.TB) *lagging {
	l := &lagging{before: func(*Group) error { return nil }}
	l.mesh = newMesh(t, func(_ int, cfg *Config) {
		cfg.TrailingLogs, cfg.HashEvery = 1, 16
		cfg.RestoreDir = filepath.Join(cfg.Dir, "restore")
		cfg.Fetch = l.fetch
	})
	l.behind = (l.leader(-1) + 1) % 3
	propose(t, l.groups[l.leader(-1)], keyed(7, "early"))
	l.settle()
	l.web.isolate(l.configs[l.behind].ID, true)
	l.write(40)
	propose(t, l.groups[l.leader(l.behind)], keyed(9, "missed"))
	l.write(3)
	for i, g := range l.groups {
		if i != l.behind {
			index := l.groups[l.leader(l.behind)].AppliedIndex()
			await(t, func() bool { return g.AppliedIndex() >= index })
			require.NoError(t, g.Snapshot(t.Context()))
			require.Greater(t, g.Stats().FirstIndex, uint64(40))
		}
	}
	return l
}

func (l *lagging) write(n int) {
	for i := range n {
		propose(l.t, l.groups[l.leader(l.behind)], command(fmt.Sprint(i)))
	}
}

func (l *lagging) fetch(ctx context.Context, from, into string) (uint64, error) {
	l.fetches.Add(1)
	for i, cfg := range l.configs {
		if cfg.ID == from {
			if err := errors.Join(ctx.Err(), l.before(l.groups[i])); err != nil {
				return 0, err
			}
			return l.machines[i].save(into)
		}
	}
	return 0, fmt.Errorf("no replica %q", from)
}

// rejoin lets the replica find out, and waits until it wants to be opened again.
func (l *lagging) rejoin() {
	l.web.isolate(l.configs[l.behind].ID, false)
	<-l.groups[l.behind].Failed()
	require.ErrorIs(l.t, l.groups[l.behind].Err(), ErrRestored)
	require.NoError(l.t, l.groups[l.behind].Close())
}

// adopt does what an owner does when it opens, and tells whether there was something to adopt.
func (l *lagging) adopt() bool {
	cfg := l.configs[l.behind]
	adopted, err := Adopt(cfg)
	require.NoError(l.t, err)
	if adopted {
		_, err := Open(cfg, &journal{})
		require.ErrorIs(l.t, err, ErrRestorePending)
		moved, err := os.ReadFile(filepath.Join(cfg.RestoreDir, stateFile))
		require.NoError(l.t, err)
		require.NoError(l.t, os.WriteFile(filepath.Join(cfg.Dir, stateFile), moved, 0o600))
		require.NoError(l.t, FinishAdopt(cfg))
	}
	return adopted
}

// reopen opens the replica with the files it adopted, and has it take part.
func (l *lagging) reopen() {
	t, at := l.t, l.behind
	l.machines[at] = loadJournal(t, l.configs[at].Dir)
	g, err := Open(l.configs[at], l.machines[at])
	require.NoError(t, err)
	l.groups[at] = g
	l.write(5)
	l.settle()
	require.NoError(t, g.Err())
	want := l.machines[(at+1)%3].payloads()
	require.Equal(t, want, l.machines[at].payloads())

	leader := l.groups[l.leader(at)]
	require.NoError(t, leader.TransferLeadershipTo(t.Context(), l.configs[at].ID))
	require.Equal(t, at, l.leader(-1))
	for key, payload := range map[byte]string{7: "early", 9: "missed"} {
		_, _, err = g.Propose(t.Context(), keyed(key, payload))
		require.ErrorIs(t, err, ErrDuplicate, "its keys must have come along")
	}
	l.settle()
	for _, m := range l.machines {
		require.Equal(t, want, m.payloads())
	}
	l.close()
	time.Sleep(time.Minute)
}

// A replica that lacks what the others' logs no longer hold fetches their state and goes on.
func TestRestore(t *testing.T) {
	run := func(name string, test func(t *testing.T, l *lagging)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newLagging(t)) })
		})
	}
	run("a replica that lags is restored", func(t *testing.T, l *lagging) {
		l.rejoin()
		require.True(t, l.adopt())
		require.False(t, l.adopt())
		l.reopen()
		require.EqualValues(t, 1, l.fetches.Load())
	})
	run("a fetch that fails is tried again, and the replica votes meanwhile", func(t *testing.T, l *lagging) {
		const fails = 2 * maxSnapshotRepeats
		l.before = func(*Group) error {
			if l.fetches.Load() <= fails {
				return errors.New("connection reset")
			}
			return nil
		}
		l.rejoin()
		require.EqualValues(t, fails+1, l.fetches.Load())
		require.True(t, l.adopt())
		l.reopen()
	})
	run("a fetch that takes long is not taken for a loop", func(t *testing.T, l *lagging) {
		slow := make(chan struct{})
		l.before = func(*Group) error { <-slow; return nil }
		l.web.isolate(l.configs[l.behind].ID, false)
		time.Sleep(5 * time.Minute)
		behind := l.groups[l.behind]
		require.NoError(t, behind.Err())
		leader, ok := behind.Leader()
		require.True(t, ok, "it must hear its leader")
		require.NotEqual(t, l.configs[l.behind].ID, leader)
		require.EqualValues(t, 1, l.fetches.Load())
		close(slow)
		l.rejoin()
		require.True(t, l.adopt())
		l.reopen()
	})
	run("files that are ahead of the log are kept when the log is gone again", func(t *testing.T, l *lagging) {
		l.before = func(leader *Group) error { // the leader goes on, and compacts what follows the snapshot it sent
			l.write(30)
			return leader.Snapshot(t.Context())
		}
		l.rejoin()
		require.True(t, l.adopt())
		l.reopen()
		require.EqualValues(t, 1, l.fetches.Load(), "its machine has what the second snapshot covers")
	})
	run("files that are older than the snapshot are not taken", func(t *testing.T, l *lagging) {
		cfg := l.configs[l.behind]
		require.NoError(t, l.groups[l.behind].Close())
		cfg.Fetch = func(_ context.Context, _, into string) (uint64, error) {
			l.fetches.Add(1)
			return 1, os.WriteFile(filepath.Join(into, stateFile), []byte("[]"), 0o600)
		}
		g, err := Open(cfg, l.machines[l.behind].reopen())
		require.NoError(t, err)
		l.groups[l.behind] = g
		l.web.isolate(cfg.ID, false)
		time.Sleep(5 * time.Minute)
		require.NoError(t, g.Err())
		require.Greater(t, l.fetches.Load(), int64(3))
		require.NoDirExists(t, cfg.RestoreDir)
		l.close()
		time.Sleep(time.Minute)
	})
}

// Killed anywhere between fetching and opening, a replica is whole at the next start.
func TestAdoptKilled(t *testing.T) {
	for name, kill := range map[string]struct {
		at   func(t *testing.T, cfg Config) // brings the directory to where the kill came
		then bool                           // whether there is something to adopt
	}{
		"before anything": {func(*testing.T, Config) {}, true},
		"with the log emptied": {func(t *testing.T, cfg Config) {
			s, err := boltstore.Open(cfg.Dir, time.Second)
			require.NoError(t, err)
			require.NoError(t, emptyLog(s))
			require.NoError(t, s.Close())
		}, true},
		"with the snapshot taken": {func(t *testing.T, cfg Config) {
			_, err := Adopt(cfg)
			require.NoError(t, err)
		}, true},
		"with the machine's files moved": {func(t *testing.T, cfg Config) {
			_, err := Adopt(cfg)
			require.NoError(t, err)
			raw, err := os.ReadFile(filepath.Join(cfg.RestoreDir, stateFile))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, stateFile), raw, 0o600))
		}, true},
		"with another fetch begun": {func(t *testing.T, cfg Config) {
			require.NoError(t, os.MkdirAll(cfg.RestoreDir+partialSuffix, 0o700))
		}, true},
		"while finishing": {func(t *testing.T, cfg Config) {
			_, err := Adopt(cfg)
			require.NoError(t, err)
			raw, err := os.ReadFile(filepath.Join(cfg.RestoreDir, stateFile))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, stateFile), raw, 0o600))
			require.NoError(t, os.Remove(filepath.Join(cfg.RestoreDir, restoreFile)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLagging(t)
				l.rejoin()
				cfg := l.configs[l.behind]
				kill.at(t, cfg)
				require.Equal(t, kill.then, l.adopt())
				require.NoDirExists(t, cfg.RestoreDir)
				require.NoDirExists(t, cfg.RestoreDir+partialSuffix)
				l.reopen()
			})
		})
	}
}

// A snapshot of the leader's was taken over, and the process was killed before the log behind it was gone.
func TestOpenAfterTakenSnapshot(t *testing.T) {
	w := newWeb()
	cfg := meshConfig(w, t.TempDir(), "a", "a")
	g := openSolo(t, cfg, &journal{})
	for i := range 5 {
		propose(t, g, command(fmt.Sprint(i)))
	}
	require.NoError(t, g.Close())
	files, err := cfg.snapshotStore()
	require.NoError(t, err)
	ahead := &journal{applied: []Command{{Index: 30}}, durable: 1}
	sink, err := files.Create(1, 40, 3, cfg.servers("a"), 1, w.node("a").Transport("other"))
	require.NoError(t, err)
	_, err = sink.Write(reference{command: 30, durable: 30, hash: ahead.Hash(), seen: 30}.encode())
	require.NoError(t, err)
	require.NoError(t, sink.Close())
	_, err = Open(cfg, &journal{applied: []Command{{Index: 3}}, durable: 1})
	require.ErrorIs(t, err, ErrStateBehind)
	g = openSolo(t, cfg, ahead)
	_, index := propose(t, g, command("next"))
	require.Greater(t, index, uint64(40))
	require.NoError(t, g.Close())
}

func TestReferenceVersions(t *testing.T) {
	good := reference{
		command: 5, durable: 9, hash: 7, ahead: 11, seen: 6,
		keys: []keyAt{{2, [16]byte{1}}, {6, [16]byte{2}}},
	}
	got, err := decodeReference(good.encode())
	require.NoError(t, err)
	require.Equal(t, good, got)
	t.Run("version 1 is read", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join("testdata", "reference-1.bin"))
		require.NoError(t, err)
		got, err := decodeReference(raw)
		require.NoError(t, err)
		require.Equal(t, reference{command: 5, durable: 9, hash: 7, old: true}, got)
	})
	t.Run("version 2 stays readable", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join("testdata", "reference-2.bin"))
		require.NoError(t, err)
		require.Equal(t, good.encode(), raw)
	})
	t.Run("any flipped bit is noticed", func(t *testing.T) {
		raw := good.encode()
		for i := range raw {
			raw[i] ^= 4
			_, err := decodeReference(raw)
			require.ErrorIs(t, err, ErrReference)
			raw[i] ^= 4
		}
	})
	t.Run("keys out of order are refused", func(t *testing.T) {
		for _, bad := range [][]keyAt{{{2, [16]byte{}}, {2, [16]byte{}}}, {{7, [16]byte{}}}, {{0, [16]byte{}}}} {
			r := good
			r.keys = bad
			_, err := decodeReference(r.encode())
			require.ErrorIs(t, err, ErrReference)
		}
	})
	t.Run("the record of a restore comes back", func(t *testing.T) {
		want := restored{streamed{3, 4, membership{2, trio()}, good}, 12}
		got, err := decodeRestored(want.encode())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// A directory of version 1 is opened, and its keys are read from the log.
func TestOpenVersion1(t *testing.T) {
	m, cfg := &journal{}, soloConfig(t.TempDir())
	g := openSolo(t, cfg, m)
	propose(t, g, keyed(1, "once"))
	require.NoError(t, g.Snapshot(t.Context()))
	require.NoError(t, g.Close())
	files, err := cfg.snapshotStore()
	require.NoError(t, err)
	meta, ref, err := newestReference(files)
	require.NoError(t, err)
	_, via := raft.NewInmemTransport("a")
	sink, err := files.Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, via)
	require.NoError(t, err)
	_, err = sink.Write(encodeV1(ref))
	require.NoError(t, err)
	require.NoError(t, sink.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.Dir, "snapshots", meta.ID)))

	g = openSolo(t, cfg, m.reopen())
	_, _, err = g.Propose(t.Context(), keyed(1, "once"))
	require.ErrorIs(t, err, ErrDuplicate)
}

func encodeV1(r reference) []byte {
	e := (&reference{command: r.command, durable: r.durable, hash: r.hash}).encode()[:referenceV1Size-4]
	e[4] = 1
	crc := envelopeCRC(e)
	return append(e, byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24))
}

func FuzzReference(f *testing.F) {
	r := reference{command: 5, seen: 6, keys: []keyAt{{2, [16]byte{1}}}}
	f.Add(r.encode())
	f.Add(encodeV1(r))
	f.Add(restored{streamed{3, 4, membership{2, trio()}, r}, 12}.encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 4 { // past the checksum, or little else is tried
			body := raw[:len(raw)-4]
			crc := envelopeCRC(body)
			raw = append(body[:len(body):len(body)], byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24))
		}
		if r, err := decodeReference(raw); err != nil {
			require.ErrorIs(t, err, ErrReference)
		} else if !r.old {
			require.Equal(t, raw, r.encode())
		}
		if _, err := decodeRestored(raw); err != nil {
			require.ErrorIs(t, err, ErrReference)
		}
	})
}

// A replica that has got on by itself while it fetched must not forget what it has acknowledged since.
func TestOvertaken(t *testing.T) {
	g := openSolo(t, soloConfig(t.TempDir()), &journal{})
	for i := range 5 {
		propose(t, g, command(fmt.Sprint(i)))
	}
	last, term := g.Stats().LastIndex, g.Term()
	require.NoError(t, g.overtaken(streamed{index: last, term: term}))
	require.NoError(t, g.overtaken(streamed{index: last + 9, term: term + 1}))
	require.ErrorIs(t, g.overtaken(streamed{index: last - 1, term: term}), errOvertaken)
	require.NoError(t, g.overtaken(streamed{index: last - 1, term: term + 1}), "what conflicts was never committed")

	_, err := g.receive(streamed{index: last, term: term, ref: reference{command: last + 1}})
	require.ErrorIs(t, err, ErrRestoreUnsupported, "the log has it")
	_, err = g.receive(streamed{index: last + 9, term: term, ref: reference{command: last}})
	require.ErrorIs(t, err, ErrRestoring, "applied and not durable: it is made so")
	await(t, func() bool { return g.durable.Load() >= last })
	kept, err := g.receive(streamed{index: last + 9, term: term, ref: reference{command: last, ahead: 99}})
	require.NoError(t, err)
	require.Equal(t, last, kept.ahead, "what the sender is ahead of is not ours")
	_, err = g.receive(streamed{index: last + 9, term: term, ref: reference{command: last + 9}})
	require.ErrorIs(t, err, ErrRestoreUnsupported, "there is nothing to fetch with")
}
