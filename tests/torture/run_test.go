package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestSchedule(t *testing.T) {
	deal := func(seed uint64) []fault {
		s := newSchedule(seed, allInjuries(), true)
		var out []fault
		for range 2 * len(s.kinds) {
			out = append(out, s.next())
		}
		return out
	}
	require.Equal(t, deal(7), deal(7))
	require.NotEqual(t, deal(7), deal(8))
	t.Run("has every fault before any comes again", func(t *testing.T) {
		faults := deal(7)
		seen := map[fault]bool{}
		for _, f := range faults[:len(faults)/2] {
			require.GreaterOrEqual(t, f.lasts, time.Second/4)
			require.LessOrEqual(t, f.lasts, 8*time.Second)
			kind := fault{injury: f.injury, role: f.role, leader: f.leader}
			require.False(t, seen[kind], "%s", f)
			seen[kind] = true
		}
	})
	t.Run("spares the only gateway", func(t *testing.T) {
		s := newSchedule(7, allInjuries(), false)
		for range 2 * len(s.kinds) {
			require.NotEqual(t, "gateway", s.next().role)
		}
	})
}

func TestReport(t *testing.T) {
	lastLine := func(of *tally) string {
		lines := strings.Split(strings.TrimSpace(of.report(7)), "\n")
		return lines[len(lines)-1]
	}
	of := newTally()
	require.Equal(t, "0 faults, 0 searches, 0 failed, 0 acknowledged, 0 lost, seed 7", lastLine(of))
	at := time.Duration(0)
	of.now = func() (time.Duration, string) { return at, "during a kill" }
	of.fault(fault{injury: injuryKill})
	of.searched(time.Millisecond, nil)
	of.wrote(acked(api.StatusCreated, 1), time.Millisecond)
	require.False(t, of.bad())
	at = 3 * time.Second
	of.wrote(acked(api.StatusCreated, 2), time.Millisecond)
	require.Equal(t, 3*time.Second, of.longest.to-of.longest.from)
	require.Equal(t, "1 faults, 1 searches, 0 failed, 2 acknowledged, 0 lost, seed 7", lastLine(of))

	for name, spoil := range map[string]func(*tally){
		"a failed search": func(t *tally) { t.searched(time.Second, errors.New("status 503")) },
		"a lost write":    func(t *tally) { t.lose("k", errors.New("k holds nothing")) },
		"a failed check":  func(t *tally) { t.violation("found what nobody wrote") },
	} {
		t.Run(name, func(t *testing.T) {
			of := newTally()
			spoil(of)
			require.True(t, of.bad())
		})
	}
}

func TestReadAnswer(t *testing.T) {
	good := `{"total":{"value":1,"relation":"eq"},"hits":[{"id":"a","source":{"serial":3}}],"degraded":[]}`
	got, err := readAnswer(200, []byte(good), nil)
	require.NoError(t, err)
	require.Equal(t, answered{hits: []hit{{ID: "a", Source: source{Serial: 3}}}, total: 1}, got)
	for name, c := range map[string]struct {
		status int
		body   string
		err    error
	}{
		"no answer":     {0, "", io.EOF},
		"a problem":     {503, "{}", nil},
		"degraded":      {200, strings.Replace(good, `[]`, `[{"leg":"sparse","reason":"shard_timeout"}]`, 1), nil},
		"a lower bound": {200, strings.Replace(good, "eq", "gte", 1), nil},
		"no JSON":       {200, "<html>", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAnswer(c.status, []byte(c.body), c.err)
			require.Error(t, err)
		})
	}
}

func TestReadConfig(t *testing.T) {
	c, err := readConfig([]string{"-duration", "10m", "-seed", "7", "-faults", "kill,pause"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 10*time.Minute, c.duration)
	require.Equal(t, []injury{injuryKill, injuryPause}, c.injuries)
	for _, args := range [][]string{
		{"-duration", "0s"},
		{"-gateways", "0"},
		{"-faults", "flood"},
		{"-faults", "partition", "-loopback"},
		{"-replicas", "1"},
		{"-writes", "0"},
		{"extra"},
		{"-nope"},
	} {
		_, err := readConfig(args, io.Discard)
		require.Error(t, err, "%v", args)
	}
}

func TestAlike(t *testing.T) {
	shard := func(documents ...int) api.ShardStatus {
		var s api.ShardStatus
		for _, n := range documents {
			s.Replicas = append(s.Replicas, api.ReplicaStatus{Documents: n})
		}
		return s
	}
	require.NoError(t, alike([]api.ShardStatus{shard(3, 3), shard(4, 4)}, 2, 7))
	require.Error(t, alike([]api.ShardStatus{shard(3, 3), shard(4, 5)}, 2, 7))
	require.Error(t, alike([]api.ShardStatus{shard(3, 3)}, 2, 7))
	require.Error(t, alike([]api.ShardStatus{shard(3)}, 2, 3))
}
