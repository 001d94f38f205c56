package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/auth"
)

func (n *fakeNode) CreateKey(_ context.Context, req api.KeyRequest, by *auth.Principal) (api.NewKey, error) {
	return api.NewKey{Key: "sgs_a_b", KeyInfo: api.KeyInfo{ID: "k1", Name: req.Name, CreatedBy: by.String()}}, nil
}

func (n *fakeNode) Keys(context.Context) ([]api.KeyInfo, error) { return nil, nil }

func (n *fakeNode) Key(_ context.Context, id string) (api.KeyInfo, error) {
	return api.KeyInfo{ID: id, State: api.KeyActive}, nil
}

func (n *fakeNode) RotateKey(_ context.Context, id string, overlap time.Duration, _ *auth.Principal) (api.NewKey, error) {
	return api.NewKey{Key: "sgs_a_c", KeyInfo: api.KeyInfo{ID: id, Name: overlap.String()}}, nil
}

func (n *fakeNode) RevokeKey(_ context.Context, id string) (api.KeyEnd, error) {
	return api.KeyEnd{ID: id, Pending: []string{"n2"}}, nil
}

func (n *fakeNode) AccessRoles(context.Context) ([]api.AccessRole, error) { return nil, nil }

func (n *fakeNode) PutRole(_ context.Context, name string, _ []api.Permission, _ *auth.Principal) (api.KeyEnd, error) {
	return api.KeyEnd{ID: name, Effective: true}, nil
}

func (n *fakeNode) DeleteRole(_ context.Context, name string) (api.KeyEnd, error) {
	return api.KeyEnd{ID: name, Effective: true}, nil
}

// The ways in which a role may be bound.
const (
	unbound  = "unbound"
	own      = "own"
	other    = "other"
	filtered = "filtered"
)

// gatekeeper takes "role.bound" for a credential.
type gatekeeper struct{}

func (gatekeeper) Authenticate(_ context.Context, credential string) (*auth.Principal, error) {
	role, bound, ok := strings.Cut(credential, ".")
	if !ok {
		return nil, fmt.Errorf("%w: it is %q", auth.ErrUnauthenticated, credential)
	}
	g := auth.Grant{Roles: []string{role}}
	switch bound {
	case own:
		g.Indexes = []string{"papers"}
	case other:
		g.Indexes = []string{"others"}
	case filtered:
		g.Filter = `{"term":{"year":2000}}`
	}
	return auth.NewPrincipal(auth.KindKey, credential, "", g, gatekeeper{}.Role), nil
}

func (gatekeeper) Role(name string) (auth.Role, bool) {
	if name == "describer" {
		return auth.Role{Name: name, Permissions: []auth.Permission{
			{Actions: []auth.Action{auth.IndexDescribe}, Indexes: []string{"papers"}},
		}}, true
	}
	return auth.BuiltinRole(name)
}

// given is what each role gives. It is written out, so that a change of a role is one of this test.
func given() map[string][]auth.Action {
	return map[string][]auth.Action{
		auth.RoleAdmin: auth.Actions(),
		auth.RoleOperator: {
			auth.IndexDescribe, auth.IndexAdmin, auth.CatalogRead, auth.ClusterRead, auth.ClusterAdmin, auth.SnapshotsRead,
			auth.SnapshotsAdmin, auth.MetricsRead, auth.AuditRead,
		},
		auth.RoleWriter:  {auth.IndexDescribe, auth.IndexRead, auth.IndexWrite, auth.CatalogRead},
		auth.RoleReader:  {auth.IndexDescribe, auth.IndexRead},
		auth.RoleMonitor: {auth.IndexDescribe, auth.ClusterRead, auth.MetricsRead},
		"describer":      {auth.IndexDescribe},
		"nothing":        {},
	}
}

// wanted says whether a role that is bound in some way is let on to a route about the index papers.
func wanted(r *route, role, bound string) bool {
	actions := given()[role]
	has := slices.Contains(actions, r.action)
	if r.action == auth.Public || r.action == auth.Known {
		return true
	}
	ofIndex := r.action.OfIndex()
	switch bound {
	case own:
		has = has && ofIndex
	case other:
		// What some index is enough for shows nothing of others.
		has = has && ofIndex && r.scope == scopeAny && r.action != auth.AnalyticsRead && role != "describer"
		if role == "describer" && r.scope == scopeAny && r.action == auth.IndexDescribe {
			has = true
		}
	case filtered:
		has = has && slices.Contains([]auth.Action{auth.IndexDescribe, auth.IndexRead, auth.IndexWrite}, r.action)
	}
	if !has && r.scope == scopeOperation && r.pattern == "/v1/operations" {
		// A list of what is one's own, which may have nothing.
		return slices.Contains(actions, auth.IndexWrite) || slices.Contains(actions, auth.IndexAdmin) && bound != filtered
	}
	return has
}

// address gives an address of a route and a body that goes with it.
func address(r *route) (path, body string) {
	path = strings.NewReplacer("{index}", "papers", "{alias}", "papers", "{document}", "one").Replace(r.pattern)
	for {
		before, rest, found := strings.Cut(path, "{")
		if !found {
			break
		}
		_, after, _ := strings.Cut(rest, "}")
		path = before + "rebuild-1" + after
	}
	if r.action == auth.AnalyticsRead {
		path += "?index=papers"
	}
	switch r.pattern {
	case "/v1/analyze":
		return path, `{"analyzer":"english","text":"x"}`
	case "/v1/aliases/{alias}":
		return path, `{"index":"papers"}`
	}
	if r.method == "GET" || r.method == "DELETE" {
		return path, ""
	}
	return path, "{}"
}

func TestEveryRoute(t *testing.T) {
	table := routes()
	for role := range given() {
		for _, bound := range []string{unbound, own, other, filtered} {
			f := newFixture(t, func(cfg *Config) { cfg.Auth = gatekeeper{} })
			schema := f.node.schemas["papers"]
			for i := range table {
				r := &table[i]
				f.node.schemas["papers"] = schema
				path, body := address(r)
				resp, text := f.do(t, r.method, path, body, "Authorization: Bearer "+role+"."+bound)
				refused := resp.StatusCode == 401 || resp.StatusCode == 403 ||
					resp.StatusCode == 404 && r.scope == scopeOperation
				require.Equal(t, wanted(r, role, bound), !refused, "%s %s as %s, %s: %d %s", r.method, r.pattern, role, bound,
					resp.StatusCode, text)
				if refused {
					require.NotContains(t, text, "papers", "a refusal tells nothing")
				}
			}
		}
	}
	t.Run("without a credential that is good", func(t *testing.T) {
		f := newFixture(t, func(cfg *Config) { cfg.Auth = gatekeeper{} })
		for i := range table {
			r := &table[i]
			path, body := address(r)
			for _, header := range []string{
				"X-Nothing: 1", "Authorization: Bearer", "Authorization: Bearer secret", "Authorization: Basic YTpi",
				"Authorization: admin.unbound", "Authorization: Bearer\tadmin.unbound", "X-Api-Key: admin.unbound",
			} {
				resp, text := f.do(t, r.method, path, body, header)
				if r.action == auth.Public {
					require.Equal(t, 200, resp.StatusCode)
					continue
				}
				requireProblem(t, resp, text, 401, "Authorization", "Bearer")
				require.Equal(t, `Bearer realm="sagasu"`, resp.Header.Get("WWW-Authenticate"))
				require.NotContains(t, text, "secret")
			}
		}
		status := f.raw(t, "GET /v1/indexes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"+
			"Authorization: Bearer admin.unbound\r\n\r\n")
		require.Contains(t, status, "401", "which of two would be believed must not depend on who looks")
	})
}

func TestPlant(t *testing.T) {
	handle := (*call).health
	for name, table := range map[string][]route{
		"no action":      {{"GET", "/a", handle, "", scopeCluster, ""}},
		"unknown action": {{"GET", "/a", handle, "index.dance", scopeCluster, ""}},
		"no handler":     {{"GET", "/a", nil, auth.Public, scopeCluster, ""}},
		"method":         {{"PATCH", "/a", handle, auth.Public, scopeCluster, ""}},
		"twice":          {{"GET", "/a", handle, auth.Public, scopeCluster, ""}, {"GET", "/a", handle, auth.Public, scopeCluster, ""}},
		"two names":      {{"GET", "/a/{x}", handle, auth.Public, scopeCluster, ""}, {"PUT", "/a/{y}", handle, auth.Public, scopeCluster, ""}},
		"no index":       {{"GET", "/a/{id}", handle, auth.IndexRead, scopeIndex, ""}},
	} {
		_, err := plant(table)
		require.ErrorIs(t, err, ErrRoute, name)
	}
	t.Run("everything that changes the cluster is in the audit log", func(t *testing.T) {
		for _, r := range routes() {
			reads := r.method == "GET" || strings.HasSuffix(r.pattern, "/search") || strings.HasSuffix(r.pattern, "/count") ||
				r.pattern == "/v1/analyze"
			documents := r.action == auth.IndexWrite
			require.Equal(t, !reads && !documents, r.audit != "", "%s %s", r.method, r.pattern)
		}
	})
}

func TestBoundCallers(t *testing.T) {
	f := newFixture(t, func(cfg *Config) { cfg.Auth = gatekeeper{} })
	t.Run("lists have what one may see", func(t *testing.T) {
		_, body := f.do(t, "GET", "/v1/indexes", "", "Authorization: Bearer reader.own")
		require.Contains(t, body, "papers")
		_, body = f.do(t, "GET", "/v1/indexes", "", "Authorization: Bearer reader.other")
		require.JSONEq(t, `{"indexes":[]}`, body)
	})
	t.Run("an alias takes the right to its index too", func(t *testing.T) {
		resp, body := f.do(t, "PUT", "/v1/aliases/others", `{"index":"papers"}`, "Authorization: Bearer admin.other")
		requireProblem(t, resp, body, 403, "", "not allow")
	})
	t.Run("a body names an index one may not read", func(t *testing.T) {
		resp, body := f.do(t, "POST", "/v1/analyze", `{"index":"papers","field":"title","text":"x"}`,
			"Authorization: Bearer reader.other")
		requireProblem(t, resp, body, 403, "", "not allow")
	})
	t.Run("what others search for takes all indexes", func(t *testing.T) {
		for who, status := range map[string]int{"admin.unbound": 200, "admin.own": 403, "admin.filtered": 403} {
			resp, body := f.do(t, "GET", "/v1/analytics/volume", "", "Authorization: Bearer "+who)
			require.Equal(t, status, resp.StatusCode, body)
		}
	})
	t.Run("a request that is refused with its body unread ends the connection", func(t *testing.T) {
		body := strings.Repeat("x", 64<<10)
		resp, _ := f.do(t, "POST", "/v1/indexes/papers/documents", body, "Authorization: Bearer reader.own")
		require.Equal(t, 403, resp.StatusCode)
		require.True(t, resp.Close)
	})
	t.Run("secrets are not to be kept on the way", func(t *testing.T) {
		resp, body := f.do(t, "POST", "/v1/keys", `{"roles":["reader"]}`, "Authorization: Bearer admin.unbound")
		require.Equal(t, 201, resp.StatusCode)
		require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		require.Contains(t, body, `"created_by":"key:admin.unbound"`)
		resp, body = f.do(t, "POST", "/v1/keys/k1/rotate", "", "Authorization: Bearer admin.unbound")
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, body, `"name":"24h0m0s"`)
		resp, body = f.do(t, "POST", "/v1/keys/k1/rotate", `{"overlap_seconds":-1}`, "Authorization: Bearer admin.unbound")
		requireProblem(t, resp, body, 400, "overlap_seconds", "-1")
		_, body = f.do(t, "DELETE", "/v1/keys/k1", "", "Authorization: Bearer admin.unbound")
		require.JSONEq(t, `{"id":"k1","effective":false,"pending":["n2"]}`, body)
	})
	t.Run("who am I", func(t *testing.T) {
		_, body := f.do(t, "GET", "/v1/whoami", "", "Authorization: apikey reader.filtered")
		require.JSONEq(t, `{"principal":"key:reader.filtered","roles":["reader"],"filtered":true}`, body)
	})
}

// notebook is a Recorder in memory.
type notebook struct {
	mu      sync.Mutex
	records []auth.Record
	denied  int
}

func (n *notebook) Append(r auth.Record, durable bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if durable {
		r.Detail += " durable"
	}
	n.records = append(n.records, r)
	return nil
}

func (n *notebook) Denied(r auth.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.denied++
	n.records = append(n.records, r)
	return nil
}

func TestAuditLog(t *testing.T) {
	book := &notebook{}
	f := newFixture(t, func(cfg *Config) { cfg.Auth, cfg.Recorder = gatekeeper{}, book })
	f.do(t, "GET", "/v1/indexes/papers", "", "Authorization: Bearer reader.own")
	f.do(t, "GET", "/health", "")
	require.Empty(t, book.records, "reads are not asked for")
	f.do(t, "GET", "/v1/keys", "", "Authorization: Bearer reader.own", "X-Request-Id: r1")
	f.do(t, "GET", "/v1/indexes/papers/documents/one", "", "Authorization: Bearer sgs_secret")
	f.do(t, "DELETE", "/v1/indexes/papers", "", "Authorization: Bearer admin.own")
	require.Len(t, book.records, 3)
	require.Equal(t, 2, book.denied)
	for i, want := range []auth.Record{
		{Principal: "key:reader.own", Action: "keys.admin", Outcome: "403", RequestID: "r1"},
		{Principal: "nobody", Action: "index.read", Target: "papers/one", Outcome: "401"},
		{Principal: "key:admin.own", Action: "index.delete", Target: "papers", Outcome: "204", Allowed: true},
	} {
		r := book.records[i]
		require.Equal(t, []any{want.Principal, want.Action, want.Target, want.Outcome, want.Allowed},
			[]any{r.Principal, r.Action, r.Target, r.Outcome, r.Allowed})
		require.NotEmpty(t, r.Source)
		require.NotEmpty(t, r.RequestID)
		require.Equal(t, want.Allowed, strings.Contains(r.Detail, "durable"))
	}
	require.Len(t, f.node.audited, 2, "the catalog has what was done by those who are known")
	require.Contains(t, f.node.audited[1].Detail, "from ")

	book = &notebook{}
	f = newFixture(t, func(cfg *Config) { cfg.Auth, cfg.Recorder, cfg.AuditReads = gatekeeper{}, book, AuditReadsAll })
	f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x"}`, "Authorization: Bearer reader.own")
	require.Len(t, book.records, 1)
	require.Equal(t, "index.read", book.records[0].Action)
	require.Empty(t, f.node.audited)
}
