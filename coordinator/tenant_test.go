package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/auth"
)

// tenants authenticates by the name of a tenant; "boss" may do everything.
type tenants struct{}

func (tenants) Authenticate(_ context.Context, credential string) (*auth.Principal, error) {
	switch credential {
	case "boss":
		return auth.Admin(auth.KindFile, "boss"), nil
	case "red", "blue", "green":
		return auth.NewPrincipal(auth.KindKey, credential, "", auth.Grant{
			Roles: []string{auth.RoleWriter}, Filter: `{"term":{"tenant":"${tenant}"}}`,
			Attributes: map[string][]string{"tenant": {credential}},
		}, auth.BuiltinRole), nil
	}
	return nil, auth.ErrUnauthenticated
}

func (tenants) Role(name string) (auth.Role, bool) { return auth.BuiltinRole(name) }

// memoryCache keeps answers for ever.
type memoryCache struct{ values sync.Map }

func (c *memoryCache) Get(_ context.Context, key string) ([]byte, bool) {
	v, ok := c.values.Load(key)
	if !ok {
		return nil, false
	}
	return v.([]byte), true
}

func (c *memoryCache) Set(key string, value []byte) { c.values.Store(key, value) }

// house is a node with its API, which several tenants use.
type house struct {
	client *http.Client
	// owners is what is there, by index and id.
	owners map[string]map[string]string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	cfg := testConfig(t.TempDir())
	cfg.Answers = &memoryCache{}
	n, err := Open(testContext(t), cfg)
	require.NoError(t, err)
	serving := httpapi.Default()
	registry := prometheus.NewRegistry()
	serving.Node, serving.Auth, serving.Registry, serving.Gatherer = n, tenants{}, registry, registry
	serving.Logger = slog.New(slog.DiscardHandler)
	server, err := httpapi.New(serving)
	require.NoError(t, err)
	listener := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return listener.Dial() },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, <-served)
		require.NoError(t, n.Close())
	})
	h := &house{
		client: &http.Client{Transport: transport},
		owners: map[string]map[string]string{"plain": {}, "split": {}},
	}
	status, body := h.do(t, "boss", "PUT", "/v1/indexes/plain?shards=3", "application/json",
		`{"fields":{"text":{"type":"text"},"tenant":{"type":"keyword"},"n":{"type":"int"}},"dense":{"dims":2}}`)
	require.Equal(t, 201, status, body)
	status, body = h.do(t, "boss", "PUT", "/v1/indexes/split?shards=2", "application/json",
		`{"fields":{"text":{"type":"text"},"tenant":{"type":"keyword"},"n":{"type":"int"}},`+
			`"passages":{"field":"text","by":"sentences","size":20}}`)
	require.Equal(t, 201, status, body)
	return h
}

// fataler is a test, or a check of rapid.
type fataler interface {
	Fatalf(format string, args ...any)
	Helper()
}

func (h *house) do(t fataler, who, method, path, kind, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://node"+path, strings.NewReader(body))
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+who)
		req.Header.Set("Content-Type", kind)
		var resp *http.Response
		if resp, err = h.client.Do(req); err == nil {
			var data []byte
			if data, err = io.ReadAll(resp.Body); err == nil {
				return resp.StatusCode, string(data)
			}
		}
	}
	t.Fatalf("%s %s: %v", method, path, err)
	return 0, ""
}

// secret is a word that only documents of a tenant have.
func secret(tenant string) string { return tenant + "secret" }

func document(id, tenant string, vector bool) string {
	extra := ""
	if vector {
		extra = fmt.Sprintf(`,"vector":[1,%d]`, len(tenant))
	}
	return fmt.Sprintf(`{"id":%q,"tenant":%q,"n":%d,"text":"common words of all. %s is here. More common words."%s}`, id,
		tenant, len(tenant), secret(tenant), extra)
}

// seen checks that an answer to a tenant has nothing of others.
func seen(t fataler, who, what, body string) {
	t.Helper()
	for _, other := range []string{"red", "blue", "green"} {
		if other != who && (strings.Contains(body, secret(other)) || strings.Contains(body, `"tenant":"`+other)) {
			t.Fatalf("%s sees what is %s's, by %s: %s", who, other, what, body)
		}
	}
}

var tenantIDs = []string{"a", "b", "c", "d", "e", "f", "g", "h"}

// write lets a tenant write, and holds the outcome to what must become of it.
func (h *house) write(t *rapid.T) {
	index := rapid.SampledFrom([]string{"plain", "split"}).Draw(t, "index")
	who := rapid.SampledFrom([]string{"red", "blue", "green"}).Draw(t, "who")
	as := who
	if rapid.IntRange(0, 3).Draw(t, "forge") == 0 {
		as = rapid.SampledFrom([]string{"red", "blue"}).Draw(t, "as")
	}
	var lines []string
	var want []bool
	owners := h.owners[index]
	for range rapid.IntRange(1, 4).Draw(t, "documents") {
		id := rapid.SampledFrom(tenantIDs).Draw(t, "id")
		owner, there := owners[id]
		may := !there || owner == who
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			lines = append(lines, fmt.Sprintf(`{"op":"delete","id":%q}`, id))
			if may {
				delete(owners, id)
			}
		} else {
			lines = append(lines, document(id, as, index == "plain"))
			if may = may && as == who; may {
				owners[id] = who
			}
		}
		want = append(want, may)
	}
	path := "/v1/indexes/" + index + "/documents"
	status, body := h.do(t, who, "POST", path, "application/x-ndjson", strings.Join(lines, "\n"))
	if status != 200 {
		t.Fatalf("write: %d %s", status, body)
	}
	seen(t, who, "writing", body)
	for i, line := range strings.Split(strings.TrimSpace(body), "\n") {
		var r api.WriteResult
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if forbidden := r.Error != nil && r.Error.Status == 403; forbidden == want[i] {
			t.Fatalf("%s as %s in %s: %s gave %s", who, as, index, lines[i], line)
		}
	}
}

// probe asks as a tenant in one of many ways, some of which try to widen what it may see.
func (h *house) probe(t *rapid.T) {
	index := rapid.SampledFrom([]string{"plain", "split"}).Draw(t, "index")
	who := rapid.SampledFrom([]string{"red", "blue", "green"}).Draw(t, "who")
	other := rapid.SampledFrom([]string{"red", "blue", "green"}).Draw(t, "other")
	base := "/v1/indexes/" + index
	filter := rapid.SampledFrom([]string{
		`{"match_all":{}}`, `{"term":{"tenant":"` + other + `"}}`, `{"bool":{"must_not":[{"term":{"tenant":"` + who + `"}}]}}`,
		`{"bool":{"should":[{"match_all":{}},{"term":{"tenant":"` + other + `"}}]}}`, `{"ids":{"values":["a","b","c","a#0"]}}`,
		`{"exists":{"field":"tenant"}}`, `{"range":{"n":{"gte":0}}}`,
		`{"bool":{"should":[{"term":{"n":3}}],"minimum_should_match":0}}`,
	}).Draw(t, "filter")
	text := rapid.SampledFrom([]string{"common words", secret(other), secret(who) + " " + secret(other)}).Draw(t, "text")
	switch rapid.IntRange(0, 6).Draw(t, "how") {
	case 0:
		id := rapid.SampledFrom(append([]string{"a%230", "b%231", "c%232"}, tenantIDs...)).Draw(t, "id")
		status, body := h.do(t, who, "GET", base+"/documents/"+id, "", "")
		seen(t, who, "reading "+id, body)
		if owner := h.owners[index][id]; len(id) == 1 && (status == 200) != (owner == who) {
			t.Fatalf("%s reads %s of %q: %d", who, id, owner, status)
		}
	case 1:
		_, body := h.do(t, who, "POST", base+"/count", "application/json", `{"filter":`+filter+`}`)
		if filter == `{"match_all":{}}` && index == "plain" {
			want := fmt.Sprintf(`{"count":%d}`, h.own(index, who))
			if body != want {
				t.Fatalf("%s counts %s, has %s", who, body, want)
			}
		}
		_, body = h.do(t, who, "POST", base+"/count", "application/json", `{"query":{"match":{"text":"`+secret(other)+`"}}}`)
		if other != who && body != `{"count":0}` {
			t.Fatalf("%s counts what is %s's: %s", who, other, body)
		}
	case 2:
		_, body := h.do(t, who, "GET", base, "", "")
		seen(t, who, "describing", body)
		_, body = h.do(t, who, "GET", base+"/search?q="+secret(other)+"&mode=sparse&explain=true", "", "")
		seen(t, who, "searching by address", body)
	default:
		h.search(t, index, who, text, filter)
	}
}

func (h *house) search(t *rapid.T, index, who, text, filter string) {
	mode := rapid.SampledFrom([]string{"sparse", "dense", "hybrid"}).Draw(t, "mode")
	extra := ""
	switch {
	case index == "split":
		mode = "sparse"
		extra = rapid.SampledFrom([]string{``, `,"collapse":{"by":"parent","passages":3,"neighbours":2}`}).Draw(t, "collapse")
	case mode != "sparse":
		extra = `,"vector":[1,4]`
	}
	query := `{"query":"` + text + `","mode":"` + mode + `","size":20,"explain":true` + extra
	filtered := rapid.Bool().Draw(t, "filtered")
	if filtered {
		query += `,"filter":` + filter
	}
	// The same question of several tenants at once must not share a run, nor an answer that is kept.
	var group sync.WaitGroup
	all := []string{"red", "blue", "green", who}
	bodies, statuses := make([]string, len(all)), make([]int, len(all))
	for i, tenant := range all {
		group.Go(func() {
			statuses[i], bodies[i] = h.do(t, tenant, "POST", "/v1/indexes/"+index+"/search", "application/json", query+"}")
		})
	}
	group.Wait()
	for i, tenant := range all {
		seen(t, tenant, query, bodies[i])
		if statuses[i] != 200 {
			t.Fatalf("%s: %d %s", query, statuses[i], bodies[i])
		}
		var answer api.SearchResponse
		if err := json.Unmarshal([]byte(bodies[i]), &answer); err != nil {
			t.Fatalf("%v: %s", err, bodies[i])
		}
		own := h.own(index, tenant)
		if index == "plain" && text == "common words" && !filtered && len(answer.Hits) != own ||
			index == "plain" && answer.Total.Value > own {
			t.Fatalf("%s has %d documents: %s: %s", tenant, own, query, bodies[i])
		}
		for _, hit := range answer.Hits {
			id, _, _ := strings.Cut(hit.ID, "#")
			if h.owners[index][id] != tenant {
				t.Fatalf("%s finds %s of %q by %s", tenant, hit.ID, h.owners[index][id], query)
			}
		}
	}
}

func (h *house) own(index, who string) int {
	n := 0
	for _, owner := range h.owners[index] {
		if owner == who {
			n++
		}
	}
	return n
}

func TestTenants(t *testing.T) {
	h := newHouse(t)
	t.Run("nobody sees or touches what is another's", rapid.MakeCheck(func(t *rapid.T) {
		for range 3 {
			h.write(t)
			for range 6 {
				h.probe(t)
			}
		}
	}))
	t.Run("several write the same documents at once", func(t *testing.T) {
		var group sync.WaitGroup
		for _, who := range []string{"red", "blue", "green"} {
			for i := range 8 {
				group.Go(func() {
					var lines []string
					for range 4 {
						lines = append(lines, document(fmt.Sprint("race", i%4), who, true))
					}
					_, body := h.do(t, who, "POST", "/v1/indexes/plain/documents", "application/x-ndjson",
						strings.Join(lines, "\n"))
					seen(t, who, "writing", body)
				})
			}
		}
		group.Wait()
		for i := range 4 {
			readers := 0
			for _, who := range []string{"red", "blue", "green"} {
				status, body := h.do(t, who, "GET", fmt.Sprint("/v1/indexes/plain/documents/race", i), "", "")
				if seen(t, who, "reading", body); status == 200 {
					readers++
					require.Contains(t, body, `"version"`)
				}
			}
			require.Equal(t, 1, readers, "a document has one owner")
		}
	})
	t.Run("conditions are about what one may see", func(t *testing.T) {
		path := "/v1/indexes/plain/documents/cond"
		status, _ := h.do(t, "red", "PUT", path, "application/json", document("cond", "red", true))
		require.Equal(t, 201, status)
		status, body := h.do(t, "red", "PUT", path+"?if_version=0", "application/json", document("cond", "red", true))
		require.Equal(t, 409, status, body)
		for _, condition := range []string{"", "?if_version=0", "?if_version=1"} {
			status, body = h.do(t, "blue", "PUT", path+condition, "application/json", document("cond", "blue", true))
			require.Equal(t, 403, status, body)
			require.NotContains(t, body, "version")
		}
		status, _ = h.do(t, "blue", "DELETE", path, "", "")
		require.Equal(t, 403, status)
		status, _ = h.do(t, "red", "DELETE", path, "", "")
		require.Equal(t, 200, status)
		status, _ = h.do(t, "red", "DELETE", path, "", "")
		require.Equal(t, 404, status)
	})
	t.Run("what can't be bound is refused", func(t *testing.T) {
		for _, path := range []string{
			"/v1/indexes/plain/documents", "/v1/indexes/plain/documents/a/status", "/v1/indexes/plain/catalog", "/v1/cluster",
			"/v1/analytics/top-queries", "/v1/operations/x", "/metrics", "/v1/indexes/plain/dense/failures",
		} {
			status, body := h.do(t, "red", "GET", path, "", "")
			require.Contains(t, []int{403, 404}, status, "%s %s", path, body)
		}
		status, body := h.do(t, "red", "POST", "/v1/indexes/plain/documents?async=true", "application/x-ndjson", "{}")
		require.Equal(t, 403, status, body)
		for i := range 3 {
			h.do(t, "boss", "PUT", fmt.Sprint("/v1/indexes/other", i), "application/json", `{"fields":{"text":{"type":"text"}}}`)
			status, body = h.do(t, "red", "GET", fmt.Sprint("/v1/indexes/other", i), "", "")
			require.Equal(t, 403, status, "an index that the filter does not fit: %s", body)
		}
		_, body = h.do(t, "red", "GET", "/v1/indexes", "", "")
		require.NotContains(t, body, "other")
		require.True(t, bytes.Contains([]byte(body), []byte("plain")))
	})
}
