package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOperate(t *testing.T) {
	problem := func(t *testing.T, err error, field, detail string) {
		t.Helper()
		var p *Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 400, p.Status)
		require.Equal(t, field, p.Field)
		require.Contains(t, p.Detail, detail)
	}
	t.Run("move", func(t *testing.T) {
		m, err := ParseMove([]byte(`{"shard":"u-0","from":"a","to":"b","throttle_bytes_per_second":65536,"dry_run":true}`))
		require.NoError(t, err)
		require.Equal(t, MoveRequest{Shard: "u-0", From: "a", To: "b", Throttle: 65536, DryRun: true}, m)
		for body, want := range map[string][2]string{
			`{"shard":"u-0","from":"a"}`:                     {"to", "missing"},
			`{"from":"a","to":"b"}`:                          {"shard", "missing"},
			`{"shard":"u","to":"b"}`:                         {"from", "missing"},
			`{"shard":"u","from":"a","to":"b","when":"now"}`: {"when", "no part"},
			`{"shard":1}`:                                    {"shard", "string"},
			`{"throttle_bytes_per_second":1}`:                {"throttle_bytes_per_second", "must be"},
			`{"throttle_bytes_per_second":-5}`:               {"throttle_bytes_per_second", "must be"},
			`{"shard":"u","from":"a","to":"b","throttle_bytes_per_second":1000000000000000000}`: {"throttle_bytes_per_second", "must be"},
			`[]`:   {"", "object"},
			``:     {"", ""},
			`{} {`: {"", ""},
		} {
			_, err := ParseMove([]byte(body))
			problem(t, err, want[0], want[1])
		}
	})
	t.Run("rebalance", func(t *testing.T) {
		r, err := ParseRebalance(nil)
		require.NoError(t, err)
		require.False(t, r.DryRun)
		r, err = ParseRebalance([]byte(`{"dry_run":true,"throttle_bytes_per_second":0}`))
		require.NoError(t, err)
		require.True(t, r.DryRun)
		_, err = ParseRebalance([]byte(`{"dry_run":1}`))
		problem(t, err, "dry_run", "boolean")
		_, err = ParseRebalance([]byte(`{"fast":true}`))
		problem(t, err, "fast", "no part")
	})
	t.Run("drain", func(t *testing.T) {
		r, err := ParseDrain([]byte(`{"mode":"restart","lease_seconds":60}`))
		require.NoError(t, err)
		require.Equal(t, DrainRequest{Mode: "restart", LeaseSeconds: 60}, r)
		for body, want := range map[string][2]string{
			`{}`:                                     {"mode", "missing"},
			`{"mode":"nap"}`:                         {"mode", "restart or remove"},
			`{"mode":"restart","lease_seconds":0}`:   {"lease_seconds", ""},
			`{"mode":"remove","lease_seconds":60}`:   {"lease_seconds", "for mode restart"},
			`{"mode":"restart","lease_seconds":1e9}`: {"lease_seconds", ""},
			`{"mode":"restart","x":1}`:               {"x", "no part"},
		} {
			_, err := ParseDrain([]byte(body))
			problem(t, err, want[0], want[1])
		}
	})
	t.Run("replicas and throttle", func(t *testing.T) {
		n, err := ParseReplicas([]byte(`{"replicas":3}`))
		require.NoError(t, err)
		require.Equal(t, 3, n)
		for _, body := range []string{`{}`, `{"replicas":0}`, `{"replicas":8}`, `{"replicas":"3"}`} {
			_, err = ParseReplicas([]byte(body))
			problem(t, err, "replicas", "")
		}
		bytes, err := ParseThrottle([]byte(`{"bytes_per_second":1048576}`))
		require.NoError(t, err)
		require.EqualValues(t, 1<<20, bytes)
		_, err = ParseThrottle([]byte(`{}`))
		problem(t, err, "bytes_per_second", "missing")
	})
}

func FuzzParseOperate(f *testing.F) {
	f.Add([]byte(`{"shard":"u-0","from":"a","to":"b","throttle_bytes_per_second":65536,"dry_run":true}`))
	f.Add([]byte(`{"mode":"restart","lease_seconds":60}`))
	f.Add([]byte(`{"replicas":3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ParseMove(data); err == nil {
			require.True(t, m.Shard != "" && m.From != "" && m.To != "")
		}
		if r, err := ParseDrain(data); err == nil {
			require.Contains(t, []string{"restart", "remove"}, r.Mode)
		}
		if n, err := ParseReplicas(data); err == nil {
			require.True(t, n >= 1 && n <= MaxReplicas)
		}
		_, _ = ParseRebalance(data)
		_, _ = ParseThrottle(data)
	})
}
