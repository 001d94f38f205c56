package auth

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func builtin(t *testing.T, name string) *Principal {
	t.Helper()
	return NewPrincipal(KindKey, name, "", Grant{Roles: []string{name}}, BuiltinRole)
}

func TestDecide(t *testing.T) {
	t.Run("the roles that are always there", func(t *testing.T) {
		// Every line is a decision somebody relies on: a change of it is a change for them.
		want := map[string][]Action{
			RoleAdmin: Actions(),
			RoleOperator: {
				IndexDescribe, IndexAdmin, CatalogRead, ClusterRead, ClusterAdmin, SnapshotsRead, SnapshotsAdmin, MetricsRead,
				AuditRead,
			},
			RoleWriter:  {IndexDescribe, IndexRead, IndexWrite, CatalogRead},
			RoleReader:  {IndexDescribe, IndexRead},
			RoleMonitor: {IndexDescribe, ClusterRead, MetricsRead},
		}
		for _, r := range BuiltinRoles() {
			require.NoError(t, r.Check())
			for _, a := range Actions() {
				d := Decide(builtin(t, r.Name), a, "papers")
				require.Equal(t, slices.Contains(want[r.Name], a), d.Allowed, "%s %s", r.Name, a)
				require.Nil(t, d.Only)
				require.Equal(t, !d.Allowed, d.Reason != "")
			}
		}
	})
	t.Run("nobody may do what is public", func(t *testing.T) {
		for _, p := range []*Principal{nil, Nobody()} {
			require.True(t, Decide(p, Public, "").Allowed)
			for _, a := range append(Actions(), Known) {
				require.False(t, Decide(p, a, "papers").Allowed)
			}
		}
	})
	t.Run("an unknown action is refused to all", func(t *testing.T) {
		require.False(t, Decide(Admin(KindFile, "x"), "index.dance", "papers").Allowed)
		require.ErrorIs(t, Action("").Check(), ErrAction)
	})
	t.Run("index patterns bound what roles give", func(t *testing.T) {
		p := NewPrincipal(KindKey, "k", "", Grant{Roles: []string{RoleAdmin}, Indexes: []string{"a-*", "b"}}, BuiltinRole)
		for index, may := range map[string]bool{"a-1": true, "a-": true, "a": false, "b": true, "bb": false, "": true} {
			require.Equal(t, may, Decide(p, IndexRead, index).Allowed, index)
		}
		for _, a := range []Action{ClusterRead, ClusterAdmin, KeysAdmin, MetricsRead} {
			require.False(t, Decide(p, a, "").Allowed, a)
		}
	})
	t.Run("a filter of the key restricts every permission, and refuses what it can't", func(t *testing.T) {
		p := NewPrincipal(KindKey, "k", "", Grant{
			Roles: []string{RoleAdmin}, Filter: `{"term":{"tenant":"${tenant}"}}`,
			Attributes: map[string][]string{"tenant": {"red"}},
		}, BuiltinRole)
		for _, a := range Actions() {
			d := Decide(p, a, "papers")
			require.Equal(t, slices.Contains([]Action{IndexDescribe, IndexRead, IndexWrite}, a), d.Allowed, a)
			require.Equal(t, d.Allowed, d.Only != nil)
		}
		require.Equal(t, [][]string{{`{"term":{"tenant":"red"}}`}}, Decide(p, IndexRead, "papers").Only.parts)
	})
	t.Run("filters of several permissions are alternatives, one without opens all", func(t *testing.T) {
		permission := func(index, filter string) Permission {
			return Permission{Actions: []Action{IndexRead}, Indexes: []string{index}, Filter: filter}
		}
		p := NewPrincipal(KindKey, "k", "", Grant{Permissions: []Permission{
			permission("*", `{"term":{"n":1}}`), permission("a*", `{"term":{"n":2}}`), permission("ab", ""),
		}}, BuiltinRole)
		require.Equal(t, [][]string{{`{"term":{"n":1}}`}}, Decide(p, IndexRead, "b").Only.parts)
		require.Equal(t, [][]string{{`{"term":{"n":1}}`, `{"term":{"n":2}}`}}, Decide(p, IndexRead, "ac").Only.parts)
		require.Nil(t, Decide(p, IndexRead, "ab").Only)
	})
	t.Run("who lacks an attribute gets nothing of what needs it", func(t *testing.T) {
		grant := Grant{Roles: []string{RoleReader}, Filter: `{"term":{"tenant":"${tenant}"}}`}
		require.ErrorIs(t, grant.Check(), ErrFilter)
		require.False(t, Decide(NewPrincipal(KindToken, "t", "", grant, BuiltinRole), IndexRead, "papers").Allowed)
		role := func(string) (Role, bool) {
			return Role{Name: "r", Permissions: []Permission{
				{Actions: []Action{IndexRead}, Indexes: []string{"*"}, Filter: `{"term":{"tenant":"${tenant}"}}`},
			}}, true
		}
		p := NewPrincipal(KindToken, "t", "", Grant{Roles: []string{"r"}}, role)
		require.False(t, Decide(p, IndexRead, "papers").Allowed)
	})
}

// actionOf and patternOf generate parts of permissions.
func patternOf() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"*", "a", "a*", "ab", "ab*", "abc", "b", "b*"})
}

func permissionOf(t *rapid.T) Permission {
	return Permission{
		Actions: rapid.SliceOfNDistinct(rapid.SampledFrom(Actions()), 1, 4, rapid.ID[Action]).Draw(t, "actions"),
		Indexes: rapid.SliceOfN(patternOf(), 1, 2).Draw(t, "indexes"),
	}
}

func grantOf(t *rapid.T) Grant {
	g := Grant{Roles: rapid.SliceOfN(rapid.SampledFrom([]string{
		RoleAdmin, RoleOperator, RoleWriter, RoleReader, RoleMonitor, "unknown",
	}), 0, 2).Draw(t, "roles")}
	for range rapid.IntRange(0, 2).Draw(t, "permissions") {
		p := permissionOf(t)
		if rapid.IntRange(0, 3).Draw(t, "filtered") == 0 {
			p.Actions, p.Filter = []Action{IndexRead}, `{"term":{"tenant":"${tenant}"}}`
		}
		g.Permissions = append(g.Permissions, p)
	}
	if rapid.Bool().Draw(t, "within") {
		g.Indexes = rapid.SliceOfN(patternOf(), 1, 2).Draw(t, "indexes within")
	}
	if rapid.IntRange(0, 3).Draw(t, "only") == 0 {
		g.Filter = `{"term":{"group":"x"}}`
	}
	if rapid.Bool().Draw(t, "tenant") {
		g.Attributes = map[string][]string{"tenant": {"red"}}
	}
	return g
}

var names = []string{"a", "ab", "abc", "abcd", "b", "ba", "c"}

func TestDecideProperties(t *testing.T) {
	t.Run("more roles never take anything away, bounds never give", rapid.MakeCheck(func(t *rapid.T) {
		g := grantOf(t)
		p := NewPrincipal(KindKey, "k", "", g, BuiltinRole)
		action, index := rapid.SampledFrom(Actions()).Draw(t, "action"), rapid.SampledFrom(names).Draw(t, "index")
		before := Decide(p, action, index)

		wider := g
		wider.Roles = append(slices.Clone(g.Roles), rapid.SampledFrom([]string{RoleReader, RoleOperator}).Draw(t, "more"))
		after := Decide(NewPrincipal(KindKey, "k", "", wider, BuiltinRole), action, index)
		if before.Allowed && !after.Allowed || before.Allowed && before.Only == nil && after.Only != nil {
			t.Fatalf("a role took %s on %s away", action, index)
		}
		narrow := g
		narrow.Indexes = []string{"ab"}
		if len(g.Indexes) == 0 {
			after = Decide(NewPrincipal(KindKey, "k", "", narrow, BuiltinRole), action, index)
			if after.Allowed && (!before.Allowed || index != "ab" || !action.OfIndex()) {
				t.Fatalf("a bound gave %s on %s", action, index)
			}
		}
		narrow = g
		narrow.Filter = `{"term":{"n":1}}`
		after = Decide(NewPrincipal(KindKey, "k", "", narrow, BuiltinRole), action, index)
		if after.Allowed && (!before.Allowed || after.Only == nil) {
			t.Fatalf("a filter gave %s on %s", action, index)
		}
		if Decide(p, action, "").Allowed != slices.ContainsFunc(append(names, "zz"), func(x string) bool {
			return Decide(p, action, x).Allowed
		}) && action.OfIndex() && len(g.Indexes) == 0 {
			t.Fatalf("%s on any index is something else than on one of them", action)
		}
	}))
	t.Run("what may be granted is what one has", rapid.MakeCheck(func(t *rapid.T) {
		from, to := grantOf(t), grantOf(t)
		giver := NewPrincipal(KindKey, "k", "", from, BuiltinRole)
		if giver.MayGrant(to, BuiltinRole) != nil {
			return
		}
		given := NewPrincipal(KindKey, "n", "", to, BuiltinRole)
		for _, action := range Actions() {
			for _, index := range names {
				had, has := Decide(giver, action, index), Decide(given, action, index)
				if has.Allowed && (!had.Allowed || had.Only != nil) {
					t.Fatalf("%s on %s was given by who does not have it", action, index)
				}
			}
		}
	}))
}

func TestMayGrant(t *testing.T) {
	admin := Admin(KindFile, "f")
	require.NoError(t, admin.MayGrant(Grant{Roles: []string{RoleAdmin}}, BuiltinRole))
	keeper := NewPrincipal(KindKey, "k", "", Grant{Roles: []string{RoleReader}, Permissions: []Permission{
		{Actions: []Action{KeysAdmin}},
	}}, BuiltinRole)
	require.NoError(t, keeper.MayGrant(Grant{Roles: []string{RoleReader}, Indexes: []string{"a"}}, BuiltinRole))
	err := keeper.MayGrant(Grant{Roles: []string{RoleWriter}}, BuiltinRole)
	require.ErrorIs(t, err, ErrPermission)
	require.ErrorContains(t, err, "index.write")
}
