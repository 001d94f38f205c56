package coordinator

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

// openKeyed opens a node that has keys, and gives the first one.
func openKeyed(t *testing.T) (*Node, string) {
	t.Helper()
	cfg := testConfig(t.TempDir())
	pepper, _, err := auth.NewPepper(rand.Reader)
	require.NoError(t, err)
	first := make(chan string, 2)
	cfg.Pepper, cfg.FirstKey = &pepper, func(key string) { first <- key }
	n, err := Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	select {
	case key := <-first:
		return n, key
	case <-testContext(t).Done():
		require.Fail(t, "no first key")
		return nil, ""
	}
}

func principal(t *testing.T, n *Node, key string) *auth.Principal {
	t.Helper()
	p, err := n.Authenticate(testContext(t), key)
	require.NoError(t, err)
	return p
}

func requireStatus(t *testing.T, err error, status int, detail string) {
	t.Helper()
	var p *api.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, status, p.Status, p.Detail)
	require.Contains(t, p.Detail, detail)
}

func TestNodeKeys(t *testing.T) {
	n, first := openKeyed(t)
	admin := principal(t, n, first)
	require.True(t, auth.Decide(admin, auth.KeysAdmin, "").Allowed)
	ctx := testContext(t)
	make1 := func(req api.KeyRequest, by *auth.Principal) (api.NewKey, error) { return n.CreateKey(ctx, req, by) }
	t.Run("a key is made, described, rotated and revoked", func(t *testing.T) {
		expires := time.Now().Add(time.Hour)
		made, err := make1(api.KeyRequest{
			Name: "ci", Expires: &expires, Access: api.Access{
				Roles: []string{auth.RoleReader}, Filter: api.RawJSON(`{"term":{"tenant":"${tenant}"}}`),
				Attributes: map[string][]string{"tenant": {"red"}},
			},
		}, admin)
		require.NoError(t, err)
		require.Equal(t, admin.String(), made.CreatedBy)
		data, err := json.Marshal(n.meta.View().Keys())
		require.NoError(t, err)
		_, secret, _ := strings.Cut(strings.TrimPrefix(made.Key, "sgs_"), "_")
		require.NotContains(t, string(data), secret, "the metadata have no key")
		require.True(t, principal(t, n, made.Key).Filtered)
		info, err := n.Key(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, api.KeyActive, info.State)
		next, err := n.RotateKey(ctx, made.ID, time.Hour, admin)
		require.NoError(t, err)
		require.NotNil(t, next.PreviousUntil)
		principal(t, n, made.Key)
		principal(t, n, next.Key)
		end, err := n.RevokeKey(ctx, made.ID)
		require.NoError(t, err)
		require.True(t, end.Effective)
		for _, key := range []string{made.Key, next.Key} {
			_, err = n.Authenticate(ctx, key)
			require.ErrorIs(t, err, auth.ErrUnauthenticated)
		}
		_, err = n.RotateKey(ctx, made.ID, 0, admin)
		requireStatus(t, err, 409, "revoked")
		info, err = n.Key(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, api.KeyRevoked, info.State)
	})
	t.Run("requests that can't be", func(t *testing.T) {
		past := time.Now().Add(-time.Hour)
		for want, req := range map[string]api.KeyRequest{
			"neither roles":      {},
			"no role":            {Access: api.Access{Roles: []string{"captain"}}},
			"is over":            {Access: api.Access{Roles: []string{auth.RoleReader}}, Expires: &past},
			"is empty":           {Access: api.Access{Roles: []string{auth.RoleReader}, Indexes: []string{}}},
			"name of an index":   {Access: api.Access{Roles: []string{auth.RoleReader}, Indexes: []string{"../x"}}},
			"clause":             {Access: api.Access{Roles: []string{auth.RoleReader}, Filter: api.RawJSON("null")}},
			"attribute \"team\"": {Access: api.Access{Roles: []string{auth.RoleReader}, Filter: api.RawJSON(`{"term":{"a":"${team}"}}`)}},
			"control character":  {Name: "a\nb", Access: api.Access{Roles: []string{auth.RoleReader}}},
			"takes":              {Name: "big", Access: api.Access{Permissions: manyPermissions()}},
		} {
			_, err := make1(req, admin)
			requireStatus(t, err, 400, want)
		}
		_, err := n.Key(ctx, "../../etc")
		requireStatus(t, err, 404, "not found")
		_, err = n.RevokeKey(ctx, "nobody")
		requireStatus(t, err, 404, "not found")
	})
	t.Run("nobody gives what is not theirs", func(t *testing.T) {
		keeper, err := make1(api.KeyRequest{Access: api.Access{Roles: []string{auth.RoleReader}, Permissions: []api.Permission{
			{Actions: []string{string(auth.KeysAdmin)}},
		}}}, admin)
		require.NoError(t, err)
		by := principal(t, n, keeper.Key)
		_, err = make1(api.KeyRequest{Access: api.Access{Roles: []string{auth.RoleReader}}}, by)
		require.NoError(t, err)
		_, err = make1(api.KeyRequest{Access: api.Access{Roles: []string{auth.RoleAdmin}}}, by)
		requireStatus(t, err, 403, "don't have yourself")
		_, err = n.RotateKey(ctx, admin.ID, 0, by)
		requireStatus(t, err, 403, "don't have yourself")
		_, err = n.PutRole(ctx, "mine", []api.Permission{{Actions: []string{"index.write"}, Indexes: []string{"*"}}}, by)
		requireStatus(t, err, 403, "don't have yourself")
	})
	t.Run("roles", func(t *testing.T) {
		permissions := []api.Permission{{Actions: []string{"index.read"}, Indexes: []string{"papers"}}}
		_, err := n.PutRole(ctx, auth.RoleReader, permissions, admin)
		requireStatus(t, err, 400, "always there")
		_, err = n.PutRole(ctx, "r1", nil, admin)
		requireStatus(t, err, 400, "none")
		_, err = n.PutRole(ctx, "r1", permissions, admin)
		require.NoError(t, err)
		made, err := make1(api.KeyRequest{Access: api.Access{Roles: []string{"r1"}}}, admin)
		require.NoError(t, err)
		require.True(t, auth.Decide(principal(t, n, made.Key), auth.IndexRead, "papers").Allowed)
		_, err = n.DeleteRole(ctx, "r1")
		requireStatus(t, err, 409, "in use")
		_, err = n.DeleteRole(ctx, auth.RoleAdmin)
		requireStatus(t, err, 400, "always there")
		roles, err := n.AccessRoles(ctx)
		require.NoError(t, err)
		require.Len(t, roles, len(auth.BuiltinRoles())+1)
	})
	t.Run("the use of keys is noted", func(t *testing.T) {
		require.NoError(t, n.meta.Sync(ctx))
		n.cfg.Now = time.Now
		_, err := n.meta.Propose(ctx, state.NoteKeyUse{Uses: n.keyring.Uses(0)})
		require.NoError(t, err)
		info, err := n.Key(ctx, admin.ID)
		require.NoError(t, err)
		require.NotNil(t, info.LastUsed)
	})
	t.Run("without a pepper there are no keys", func(t *testing.T) {
		n := openNode(t, t.TempDir())
		defer func() { require.NoError(t, n.Close()) }()
		_, err := n.CreateKey(ctx, api.KeyRequest{Access: api.Access{Roles: []string{auth.RoleReader}}}, admin)
		requireStatus(t, err, 409, "key-pepper-file")
	})
}

func manyPermissions() []api.Permission {
	var out []api.Permission
	for i := range auth.MaxPermissions {
		out = append(out, api.Permission{
			Actions: []string{"index.read"}, Indexes: []string{strings.Repeat("x", 120) + fmt.Sprint(i)},
		})
	}
	return out
}

// TestMatchesAsTheIndex holds the decision about one document to what the index makes of the same filter.
func TestMatchesAsTheIndex(t *testing.T) {
	n := openNode(t, t.TempDir())
	defer func() { require.NoError(t, n.Close()) }()
	schema, err := api.ParseSchema([]byte(`{"fields":{"k":{"type":"keyword"},"i":{"type":"int"},"f":{"type":"float"},` +
		`"d":{"type":"date"},"b":{"type":"bool"}}}`))
	require.NoError(t, err)
	ctx := testContext(t)
	_, err = n.CreateIndex(ctx, "papers", schema, api.Layout{})
	require.NoError(t, err)
	var docs []api.Document
	var writes []api.Write
	for i := range 60 {
		source := "{"
		for at, part := range []string{
			fmt.Sprintf(`"k":["a%d","b%d"]`, i%3, i%4), fmt.Sprintf(`"i":[%d,%d]`, i%5, i%7), fmt.Sprintf(`"f":%d.5`, i%3),
			fmt.Sprintf(`"d":"2024-01-0%dT00:00:00Z"`, i%9+1), fmt.Sprintf(`"b":%v`, i%2 == 0),
		} {
			if (i>>at)%3 != 0 {
				source += part + ","
			}
		}
		w, err := api.ParseDocumentAs(&schema, fmt.Sprint("d", i), []byte(strings.TrimSuffix(source, ",")+"}"))
		require.NoError(t, err)
		docs, writes = append(docs, w.Doc), append(writes, w)
	}
	_, err = n.Write(ctx, "papers", writes, httpapi.WriteOptions{})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		text := drawFilter(t, 3)
		q, err := api.ParseFilter(&schema, []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := 0
		for i := range docs {
			if auth.Matches(q, &docs[i]) {
				want++
			}
		}
		got, err := n.Count(ctx, "papers", q)
		if err != nil || got != want {
			t.Fatalf("%s selects %d in the index, %d one by one (%v)", text, got, want, err)
		}
	})
}

func drawFilter(t *rapid.T, depth int) string {
	leaves := []string{
		`{"term":{"k":"a1"}}`, `{"terms":{"k":["b1","b2","zz"]}}`, `{"prefix":{"k":"b"}}`, `{"prefix":{"k":""}}`,
		`{"term":{"i":3}}`, `{"range":{"i":{"gt":1,"lte":4}}}`, `{"range":{"f":{"gte":1.5}}}`, `{"term":{"f":0.5}}`,
		`{"range":{"d":{"lt":"2024-01-05"}}}`, `{"term":{"b":true}}`, `{"exists":{"field":"i"}}`, `{"match_all":{}}`,
		`{"range":{"k":{"gte":"a1","lt":"b1"}}}`, `{"term":{"d":"2024-01-03T00:00:00Z"}}`,
	}
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom(leaves).Draw(t, "clause")
	}
	var parts []string
	should := 0
	for _, list := range []string{"must", "should", "must_not", "filter"} {
		var clauses []string
		for range rapid.IntRange(0, 2).Draw(t, list) {
			clauses = append(clauses, drawFilter(t, depth-1))
		}
		if list == "should" {
			should = len(clauses)
		}
		if len(clauses) > 0 {
			parts = append(parts, `"`+list+`":[`+strings.Join(clauses, ",")+`]`)
		}
	}
	if should > 0 && rapid.Bool().Draw(t, "minimum") {
		parts = append(parts, fmt.Sprintf(`"minimum_should_match":%d`, rapid.IntRange(0, should).Draw(t, "least")))
	}
	if len(parts) == 0 {
		return `{"match_all":{}}`
	}
	return `{"bool":{` + strings.Join(parts, ",") + `}}`
}
