package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func dirRepository(name string) PutRepository {
	return PutRepository{Repository: Repository{Name: name, Kind: RepositoryDir, Path: "/backup/" + name, CreatedMillis: 1}}
}

func beginTaking(id, repository, schedule string, millis int64) BeginSnapshot {
	return BeginSnapshot{
		Snapshot:  SnapshotRecord{ID: id, Repository: repository, Schedule: schedule, CreatedMillis: millis},
		Operation: snapshotOperation("take-"+id, millis),
	}
}

func snapshotOperation(id string, millis int64) Operation {
	return Operation{ID: id, Kind: "snapshot", State: OperationRunning, CreatedMillis: millis, UpdatedMillis: millis}
}

func taken(id string, state SnapshotState) EndSnapshot {
	return EndSnapshot{Snapshot: SnapshotRecord{
		ID: id, State: state, Version: 7, Manifest: "ab", Indexes: 1, Shards: 2, Documents: 3, Bytes: 4, NewBytes: 1,
		EndedMillis: 9,
	}}
}

func restoring(name, uuid string, nodes ...[]string) BeginRestore {
	c := notes(uuid, "n1")
	x := Index{
		Name: name, UUID: uuid, Schema: c.Schema, CreatedMillis: 5, Replicas: 1, Shards: Layout(uuid, nodes),
		LastGeneration: 3, Retired: []int{1},
		Restore: &Restore{Repository: "r1", Snapshot: "s1", Source: "notes", Manifest: "ab", Aliases: []string{"old-notes"}},
	}
	dense := *x.Schema.Dense
	dense.Generation = 2
	x.Schema.Dense = &dense
	return BeginRestore{Index: x, Operation: snapshotOperation("restore-"+uuid, 5)}
}

// changesOfSnapshots are all of them, to follow the other golden logs.
func changesOfSnapshots() []Change {
	s3 := PutRepository{Repository: Repository{
		Name: "r2", Kind: RepositoryS3, Endpoint: "https://s3.example.com", Bucket: "b", Prefix: "p", Region: "r",
		VirtualHost: true, Credentials: "main", ReadOnly: true, BytesPerSecond: 1 << 20, CreatedMillis: 2,
	}}
	daily := PutSchedule{Schedule: Schedule{
		Name: "daily", Repository: "r1", Indexes: []string{"papers"}, EveryMinutes: 1440, KeepLast: 7, KeepDays: 30,
		Paused: true, CreatedMillis: 3,
	}}
	selected := beginTaking("s2", "r1", "daily", 7)
	selected.Snapshot.Selected = []string{"papers"}
	return []Change{
		dirRepository("r1"), s3, DeleteRepository{Name: "r2"}, daily, beginTaking("s1", "r1", "", 4),
		taken("s1", SnapshotDone), restoring("restored", "u9", []string{"n1"}), MarkFounded{Shard: "u9-0"},
		EndRestore{Name: "restored", UUID: "u9", State: OperationDone, Millis: 6},
		restoring("again", "u10", []string{"n1"}),
		EndRestore{Name: "again", UUID: "u10", State: OperationFailed, Error: "damaged", Millis: 6, Remote: true},
		selected, EndSnapshot{Snapshot: SnapshotRecord{ID: "s2", State: SnapshotFailed, Error: "full", EndedMillis: 8}},
		DropSnapshot{ID: "s2", Repository: "r1", Operation: snapshotOperation("drop-s2", 8)},
		ForgetSnapshot{ID: "s2", Millis: 9}, DeleteSchedule{Name: "daily"},
	}
}

func TestRepositories(t *testing.T) {
	s := cluster(t)
	s.changes(dirRepository("r1"))
	s.repeats(dirRepository("r1"))
	for name, r := range map[string]Repository{
		"no name":          {Kind: RepositoryDir, Path: "/x"},
		"unknown kind":     {Name: "r", Kind: "ftp", Path: "/x"},
		"no path":          {Name: "r", Kind: RepositoryDir},
		"both":             {Name: "r", Kind: RepositoryDir, Path: "/x", Bucket: "b"},
		"no bucket":        {Name: "r", Kind: RepositoryS3, Endpoint: "https://x"},
		"a line too many":  {Name: "r", Kind: RepositoryS3, Endpoint: "https://x\n", Bucket: "b"},
		"a negative pace":  {Name: "r", Kind: RepositoryDir, Path: "/x", BytesPerSecond: -1},
		"a path elsewhere": {Name: "r", Kind: RepositoryS3, Endpoint: "https://x", Bucket: "b", Path: "/x"},
	} {
		t.Run(name, func(t *testing.T) { s.refuses(PutRepository{Repository: r}, ErrInvalid) })
	}
	s.refuses(DeleteRepository{Name: "r2"}, ErrRepositoryNotFound)
	s.changes(beginTaking("s1", "r1", "", 1))
	s.refuses(DeleteRepository{Name: "r1"}, ErrRepositoryBusy)
	moved := dirRepository("r1")
	moved.Repository.Path = "/elsewhere"
	s.refuses(moved, ErrRepositoryBusy)
	faster := dirRepository("r1")
	faster.Repository.BytesPerSecond = 5
	s.changes(faster)
	s.changes(taken("s1", SnapshotDone))
	s.changes(moved)
	s.changes(DeleteRepository{Name: "r1"})
	require.Empty(t, s.View().Snapshots())
}

func TestTaking(t *testing.T) {
	s := cluster(t)
	s.refuses(beginTaking("s1", "r1", "", 1), ErrRepositoryNotFound)
	s.changes(dirRepository("r1"))
	s.changes(dirRepository("r2"))
	s.changes(beginTaking("s1", "r1", "", 1))
	s.repeats(beginTaking("s1", "r1", "", 1))
	s.refuses(beginTaking("s2", "r1", "", 1), ErrRepositoryBusy)
	s.changes(beginTaking("s3", "r2", "", 1))
	s.refuses(EndSnapshot{Snapshot: SnapshotRecord{ID: "s1", State: SnapshotDeleting}}, ErrInvalid)
	s.refuses(EndSnapshot{Snapshot: SnapshotRecord{ID: "absent", State: SnapshotDone}}, ErrSnapshotNotFound)
	s.changes(taken("s1", SnapshotDone))
	s.repeats(taken("s1", SnapshotDone))
	s.refuses(taken("s1", SnapshotFailed), ErrSnapshotState)
	o, ok := s.View().Operation("take-s1")
	require.True(t, ok)
	require.Equal(t, OperationDone, o.State)
	got, ok := s.View().Snapshot("s1")
	require.True(t, ok)
	require.Equal(t, "r1", got.Repository)
	require.EqualValues(t, 1, got.CreatedMillis)

	t.Run("deleting", func(t *testing.T) {
		drop := func(id string) DropSnapshot {
			return DropSnapshot{ID: id, Repository: "r1", Operation: snapshotOperation("drop-"+id, 9)}
		}
		s.refuses(DropSnapshot{ID: "s1", Repository: "r2", Operation: snapshotOperation("d", 9)}, ErrRepositoryNotFound)
		s.changes(drop("s1"))
		s.repeats(drop("s1"))
		s.refuses(beginTaking("s4", "r1", "", 1), ErrRepositoryBusy)
		s.refuses(restoring("back", "u1", []string{"n1"}), ErrRepositoryBusy)
		s.changes(ForgetSnapshot{ID: "s1", Error: "store is away", Millis: 10})
		got, _ := s.View().Snapshot("s1")
		require.Equal(t, SnapshotFailed, got.State)
		require.Equal(t, "store is away", got.Error)
		again := drop("s1")
		again.Operation.ID = "drop-again"
		s.changes(again)
		s.changes(ForgetSnapshot{ID: "s1", Millis: 11})
		s.repeats(ForgetSnapshot{ID: "s1", Millis: 11})
		_, ok := s.View().Snapshot("s1")
		require.False(t, ok)
		s.changes(drop("known-there-only"))
	})

	t.Run("a read-only repository is not written to", func(t *testing.T) {
		s := cluster(t)
		r := dirRepository("r1")
		r.Repository.ReadOnly = true
		s.changes(r)
		s.refuses(beginTaking("s1", "r1", "", 1), ErrReadOnly)
		s.refuses(DropSnapshot{ID: "s1", Repository: "r1", Operation: snapshotOperation("d", 9)}, ErrReadOnly)
	})

	t.Run("those that failed make room", func(t *testing.T) {
		s := cluster(t)
		s.changes(dirRepository("r1"))
		for i := range MaxSnapshots {
			id := fmt.Sprint("s", i)
			s.changes(beginTaking(id, "r1", "", 1))
			state := SnapshotDone
			if i == 5 {
				state = SnapshotFailed
			}
			s.changes(taken(id, state))
		}
		s.changes(beginTaking("more", "r1", "", 1))
		_, ok := s.View().Snapshot("s5")
		require.False(t, ok)
		s.changes(taken("more", SnapshotDone))
		s.refuses(beginTaking("too-many", "r1", "", 1), ErrLimit)
	})
}

func TestRestoring(t *testing.T) {
	start := func(t *testing.T) *script {
		s := cluster(t)
		s.changes(dirRepository("r1"))
		s.changes(restoring("notes", "u1", []string{"n1"}, []string{"n2"}))
		return s
	}
	done := EndRestore{Name: "notes", UUID: "u1", State: OperationDone, Millis: 9}

	t.Run("it is found when every shard is founded", func(t *testing.T) {
		s := start(t)
		s.repeats(restoring("notes", "u1", []string{"n1"}, []string{"n2"}))
		_, found := s.View().Resolve("notes")
		require.False(t, found)
		require.Len(t, s.View().ShardsOn("n1"), 1, "its shards are placed")
		s.refuses(papers2("notes", "u2"), ErrIndexExists)
		s.changes(MarkFounded{Shard: "u1-0"})
		s.refuses(done, ErrNotFounded)
		s.refuses(SetReplicas{Shard: "u1-1", Epoch: 1, Nodes: []string{"n3"}}, ErrNotFounded)
		s.changes(MarkFounded{Shard: "u1-1"})
		s.changes(done)
		s.repeats(done)
		x, found := s.View().Resolve("old-notes")
		require.True(t, found, "the alias was free")
		require.Nil(t, x.Restore)
		require.Equal(t, 2, x.Schema.Dense.Generation)
		require.Equal(t, []int{1}, x.Retired)
		require.Equal(t, 4, x.NextGeneration())
		o, _ := s.View().Operation("restore-u1")
		require.Equal(t, OperationDone, o.State)
		data, err := s.View().Encode()
		require.NoError(t, err)
		again, err := DecodeView(data)
		require.NoError(t, err)
		require.Equal(t, s.View(), again)
	})

	t.Run("it is gone when it fails, and can begin again", func(t *testing.T) {
		s := start(t)
		failed := EndRestore{Name: "notes", UUID: "u1", State: OperationFailed, Error: "damaged", Millis: 9, Remote: true}
		s.changes(failed)
		_, there := s.View().Index("notes")
		require.False(t, there)
		require.Len(t, s.View().Leftovers(), 1)
		s.refuses(failed, ErrIndexNotFound)
		o, _ := s.View().Operation("restore-u1")
		require.Equal(t, OperationFailed, o.State)
		require.Equal(t, "damaged", o.Error)
		s.changes(restoring("notes", "u2", []string{"n1"}))
	})

	t.Run("a name that is taken is refused", func(t *testing.T) {
		s := start(t)
		s.changes(papers("u3", 1, []string{"n1"}))
		s.refuses(restoring("papers", "u4", []string{"n1"}), ErrIndexExists)
		s.refuses(restoring("notes", "u4", []string{"n1"}), ErrIndexExists)
		s.refuses(restoring("new", "u4", []string{"n9"}), ErrNodeNotFound)
		other := restoring("new", "u4", []string{"n1"})
		other.Index.Restore.Repository = "r9"
		s.refuses(other, ErrRepositoryNotFound)
		none := restoring("new", "u4", []string{"n1"})
		none.Index.Restore = nil
		s.refuses(none, ErrInvalid)
	})

	t.Run("its snapshot is not deleted meanwhile", func(t *testing.T) {
		s := start(t)
		s.refuses(DropSnapshot{ID: "s1", Repository: "r1", Operation: snapshotOperation("d", 9)}, ErrRepositoryBusy)
		s.refuses(DeleteRepository{Name: "r1"}, ErrRepositoryBusy)
	})
}

func papers2(name, uuid string) CreateIndex {
	c := papers(uuid, 1, []string{"n1"})
	c.Name = name
	return c
}

func TestSchedules(t *testing.T) {
	s := cluster(t)
	hourly := PutSchedule{Schedule: Schedule{Name: "hourly", Repository: "r1", EveryMinutes: 60, KeepLast: 2, CreatedMillis: 1}}
	s.refuses(hourly, ErrRepositoryNotFound)
	s.changes(dirRepository("r1"))
	s.changes(hourly)
	s.repeats(hourly)
	s.refuses(DeleteRepository{Name: "r1"}, ErrRepositoryBusy)
	for name, change := range map[string]func(*Schedule){
		"never":         func(s *Schedule) { s.EveryMinutes = 0 },
		"keeps too few": func(s *Schedule) { s.KeepLast = -1 },
		"twice":         func(s *Schedule) { s.Indexes = []string{"a", "a"} },
		"no name":       func(s *Schedule) { s.Name = "" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := hourly
			change(&bad.Schedule)
			s.refuses(bad, ErrInvalid)
		})
	}
	now := time.UnixMilli(10 * 3600_000)
	require.True(t, s.View().Due(hourly.Schedule, now))
	s.changes(beginTaking("a", "r1", "hourly", now.UnixMilli()))
	require.False(t, s.View().Due(hourly.Schedule, now.Add(59*time.Minute)))
	require.True(t, s.View().Due(hourly.Schedule, now.Add(time.Hour)))
	paused := hourly.Schedule
	paused.Paused = true
	require.False(t, s.View().Due(paused, now.Add(time.Hour)))
	s.changes(DeleteSchedule{Name: "hourly"})
	s.refuses(DeleteSchedule{Name: "hourly"}, ErrScheduleNotFound)
}

func TestRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := int64(24 * 3600_000)
		v := &View{}
		n := rapid.IntRange(0, 20).Draw(t, "snapshots")
		states := []SnapshotState{SnapshotDone, SnapshotDone, SnapshotFailed, SnapshotRunning}
		for i := range n {
			v.snapshots = append(v.snapshots, SnapshotRecord{
				ID: fmt.Sprint(i), Schedule: "s", State: rapid.SampledFrom(states).Draw(t, "state"), CreatedMillis: int64(i) * day,
			})
		}
		s := Schedule{
			Name: "s", KeepLast: rapid.IntRange(0, 10).Draw(t, "last"), KeepDays: rapid.IntRange(0, 10).Draw(t, "days"),
		}
		now := time.UnixMilli(int64(n) * day)
		gone := map[string]bool{}
		for _, r := range v.Expired(s, now) {
			require.Equal(t, SnapshotDone, r.State)
			gone[r.ID] = true
		}
		newer := 0
		for i := n - 1; i >= 0; i-- {
			r := v.snapshots[i]
			if r.State != SnapshotDone {
				continue
			}
			keep := newer == 0 || newer < s.KeepLast || s.KeepDays > 0 && now.UnixMilli()-r.CreatedMillis <= int64(s.KeepDays)*day ||
				s.KeepLast == 0 && s.KeepDays == 0
			require.Equal(t, !keep, gone[r.ID], "snapshot %s", r.ID)
			newer++
		}
	})
}
