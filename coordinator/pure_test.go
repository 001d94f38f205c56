package coordinator

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

func TestToken(t *testing.T) {
	x := state.Index{Name: "papers", UUID: "1f0c9a2b" + strings.Repeat("0", 24), Shards: make([]state.Shard, 4)}
	t.Run("what was made is read", rapid.MakeCheck(func(t *rapid.T) {
		ordinal := rapid.IntRange(0, 3).Draw(t, "ordinal")
		index := rapid.Uint64Range(0, math.MaxInt64).Draw(t, "index")
		gotOrdinal, gotIndex, err := readToken(&x, token(&x, ordinal, index))
		require.NoError(t, err)
		require.Equal(t, ordinal, gotOrdinal)
		require.Equal(t, index, gotIndex)
	}))
	t.Run("any other text is refused or harmless", rapid.MakeCheck(func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`1f0c9a2b-[0-9+.-]{0,3}-[0-9+-]{0,25}`)).Draw(t, "text")
		ordinal, index, err := readToken(&x, text)
		if err == nil {
			require.Less(t, ordinal, 4)
			require.GreaterOrEqual(t, ordinal, 0)
			require.LessOrEqual(t, index, uint64(math.MaxInt64), "it must not mean everything")
		}
	}))
	for _, bad := range []string{
		"", "-", "--", "1f0c9a2b-0", "1f0c9a2b-0-", "1f0c9a2b-0-x", "1f0c9a2b--1-5", "1f0c9a2b-4-5", "2f0c9a2b-0-5", "-0-5",
		"1-0-5", "1f0c9a2b0-0-5", "1f0c9a2b-+0-5", "1f0c9a2b-0-5-5", "1f0c9a2b-0-18446744073709551615", "1f0c9a2b-99999999999999999999-5", strings.Repeat("9", 10_000),
	} {
		_, err := readTokens(&x, []string{token(&x, 1, 2), bad})
		var p *api.Problem
		require.ErrorAs(t, err, &p, bad)
		require.Equal(t, "sequence[1]", p.Field)
		require.Less(t, len(p.Detail), 300)
	}
	t.Run("of several the highest counts", func(t *testing.T) {
		got, err := readTokens(&x, []string{token(&x, 1, 5), token(&x, 1, 9), token(&x, 1, 3), token(&x, 0, 1)})
		require.NoError(t, err)
		require.Equal(t, map[int]uint64{1: 9, 0: 1}, got)
		got, err = readTokens(&x, nil)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func TestWantedCoordinators(t *testing.T) {
	for _, c := range []struct {
		name string
		// nodes are registered coordinators; with "!" one of another role, with "x" a removed one.
		nodes, members, dead string
		want                 string
	}{
		{"alone", "a", "a", "", "a"},
		{"before anybody is registered", "", "a b c", "", "a b c"},
		{"all are well", "a b c", "a b c", "", "a b c"},
		{"new ones join", "a b c", "a", "", "a b c"},
		{"those that are away don't", "a b c", "a", "b", "a c"},
		{"no more than five", "a b c d e f g", "a", "", "a b c d e"},
		{"members stay before others", "a b c d e f", "a f", "", "a f b c d"},
		{"a dead member stays while nobody replaces it", "a b c", "a b c", "c", "a b c"},
		{"until there is another", "a b c d", "a b c", "c", "a b d"},
		{"one of two dead is replaced", "a b c d", "a b c", "b c", "a d b"},
		{"a removed one goes", "a b xc", "a b c", "", "a b"},
		{"a removed and dead one goes", "a b xc", "a b c", "c", "a b"},
		{"one that is no coordinator any more is replaced", "a b !c d", "a b c", "", "a b d"},
		{"others are never asked", "a !b", "a", "", "a"},
		{"who leads is in", "b c", "a b c", "a", "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := state.New()
			index := uint64(0)
			change := func(change state.Change) {
				payload, err := state.Encode(change)
				require.NoError(t, err)
				index++
				typ, version := state.Kind(change)
				r, err := s.Apply(state.Command{Index: index, Type: typ, Version: version, Payload: payload})
				require.NoError(t, err)
				require.NoError(t, r.Err)
			}
			change(state.FoundCluster{ClusterID: "c1", Level: state.Level})
			for _, name := range strings.Fields(c.nodes) {
				id, roles := strings.TrimLeft(name, "!x"), []state.Role{state.RoleCoordinator, state.RoleShard}
				if name[0] == '!' {
					roles = roles[1:]
				}
				change(state.RegisterNode{Node: state.Node{ID: id, Instance: "i" + id, Roles: roles, Level: state.Level}})
				if name[0] == 'x' {
					// A replica there keeps it known.
					uuid := fmt.Sprintf("%032x", index)
					change(state.CreateIndex{
						Name: "i", UUID: uuid, Replicas: 1, Shards: state.Layout(uuid, [][]string{{id}}),
					})
					change(state.RemoveNode{ID: id, Instance: "i" + id, Force: true})
				}
			}
			var members []consensus.Server
			for _, id := range strings.Fields(c.members) {
				members = append(members, consensus.Server{ID: id, Voter: true})
			}
			got := wantedCoordinators(s.View(), members, "a", func(id string) bool {
				return !slices.Contains(strings.Fields(c.dead), id)
			})
			require.Equal(t, strings.Fields(c.want), got)
		})
	}
}

func TestSettled(t *testing.T) {
	voters := func(ids ...string) (out []consensus.Server) {
		for _, id := range ids {
			out = append(out, consensus.Server{ID: strings.TrimSuffix(id, "?"), Voter: !strings.HasSuffix(id, "?")})
		}
		return out
	}
	want := []string{"a", "b"}
	require.True(t, settled(voters("a", "b"), want, "b"))
	require.True(t, settled(voters("a", "b"), want, ""))
	require.False(t, settled(voters("a", "b?"), want, "b"))
	require.False(t, settled(voters("a"), want, "b"))
	require.False(t, settled(voters("a", "b", "c"), want, "b"))
}

func TestIdentity(t *testing.T) {
	read := func(dir, configured string, old bool) (identity, error) {
		return readIdentity(vfs.OS(), dir, configured, old)
	}
	t.Run("of a new directory is made up, and stays", func(t *testing.T) {
		dir := t.TempDir()
		id, err := read(dir, "", false)
		require.NoError(t, err)
		require.Equal(t, "node-"+id.Instance[:8], id.ID)
		require.Empty(t, id.Cluster)
		for _, configured := range []string{"", id.ID} {
			again, err := read(dir, configured, false)
			require.NoError(t, err)
			require.Equal(t, id, again)
		}
		id.Cluster = "c1"
		require.NoError(t, id.write(vfs.OS(), filepath.Join(dir, nodeFile)))
		again, err := read(dir, "", false)
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
	t.Run("of a new directory may be configured", func(t *testing.T) {
		dir := t.TempDir()
		id, err := read(dir, "search-0", false)
		require.NoError(t, err)
		require.Equal(t, "search-0", id.ID)
		_, err = read(dir, "search-1", false)
		require.ErrorIs(t, err, ErrIdentity)
		require.ErrorContains(t, err, dir)
		require.ErrorContains(t, err, "search-0")
	})
	t.Run("two directories are two instances", func(t *testing.T) {
		one, err := read(t.TempDir(), "same", false)
		require.NoError(t, err)
		other, err := read(t.TempDir(), "same", false)
		require.NoError(t, err)
		require.NotEqual(t, one.Instance, other.Instance)
	})
	t.Run("of an old directory is local", func(t *testing.T) {
		for _, configured := range []string{"", state.LocalNode} {
			id, err := read(t.TempDir(), configured, true)
			require.NoError(t, err)
			require.Equal(t, state.LocalNode, id.ID)
		}
		_, err := read(t.TempDir(), "search-0", true)
		require.ErrorIs(t, err, ErrIdentity)
	})
	t.Run("names that the metadata would refuse are refused", func(t *testing.T) {
		for _, bad := range []string{"a b", "ä", "a/b", "..", ".a", strings.Repeat("a", state.MaxIDBytes+1), "a\n"} {
			dir := t.TempDir()
			_, err := read(dir, bad, false)
			require.Error(t, err, bad)
			require.NoFileExists(t, filepath.Join(dir, nodeFile))
		}
		for _, good := range []string{"a", "A.b_c-9", "-", strings.Repeat("a", state.MaxIDBytes)} {
			_, err := read(t.TempDir(), good, false)
			require.NoError(t, err)
		}
	})
	t.Run("a damaged file is named", func(t *testing.T) {
		for _, text := range []string{"", "{", "[]", `{"id":"a"}`, `{"instance":"b"}`, `{"id":"../x","instance":"b"}`} {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, nodeFile), []byte(text), 0o600))
			_, err := read(dir, "", false)
			require.ErrorIs(t, err, ErrData, text)
			require.ErrorContains(t, err, nodeFile)
		}
	})
}

func TestUpgradeOfDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, versionFile), []byte("1\n"), 0o600))
	n := openNode(t, dir)
	require.Equal(t, state.LocalNode, n.ID())
	require.NoError(t, n.Close())
	text, err := os.ReadFile(filepath.Join(dir, versionFile))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintln(dataVersion), string(text))
}

func TestEstimate(t *testing.T) {
	o := state.Operation{State: state.OperationRunning, Done: 25, Total: 100, CreatedMillis: 1000, UpdatedMillis: 11_000}
	require.InDelta(t, 30, estimate(o), 1e-9)
	for _, change := range []func(*state.Operation){
		func(o *state.Operation) { o.State = state.OperationDone },
		func(o *state.Operation) { o.Done = 0 },
		func(o *state.Operation) { o.Done = 100 },
		func(o *state.Operation) { o.UpdatedMillis = 1500 },
	} {
		other := o
		change(&other)
		require.Zero(t, estimate(other))
	}
}
