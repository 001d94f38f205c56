package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// invoke runs the program and gives its exit code and what it printed.
func invoke(t *testing.T, stdin string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(context.Background(), args, env, strings.NewReader(stdin), &out, &messages)
	return code, out.String(), messages.String()
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":          {[]string{"search", "--nope", "a", "b"}, "--nope"},
		"missing argument":      {[]string{"search", "a"}, "takes 2 argument(s), got 1"},
		"missing schema":        {[]string{"index", "create", "a"}, "--schema is not set"},
		"missing index":         {[]string{"bulk", "-"}, "--index is not set"},
		"unknown format":        {[]string{"version", "-o", "xml"}, `--output is "xml"`},
		"group alone":           {[]string{"index"}, "needs a command"},
		"filter that is none":   {[]string{"search", "a", "b", "--filter", "{"}, "--filter is not JSON"},
		"missing collection":    {[]string{"eval"}, "--corpus is not set"},
		"no data directory":     {[]string{"serve"}, "data-dir (from default): is not set"},
		"public between nodes":  {[]string{"serve", "--data-dir", "x", "--rpc-addr", ":7947"}, "--insecure-rpc"},
		"address without port":  {[]string{"serve", "--data-dir", "x", "--http-addr", "localhost"}, "http-addr (from flag"},
		"unknown protocol":      {[]string{"serve", "--data-dir", "x", "--embed-protocol", "x"}, "embed-protocol"},
		"malformed server name": {[]string{"index", "list", "--server", "ftp://x"}, "--server"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := invoke(t, "", nil, c.args...)
			require.Equal(t, exitUsage, code, stderr)
			require.Contains(t, stderr, c.want)
			require.Empty(t, stdout)
		})
	}
}

func TestConfigCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sagasu.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }

	t.Run("tells where each value comes from", func(t *testing.T) {
		write("data-dir: /var/lib/sagasu\nhttp-addr: 127.0.0.1:1\nembed-dims: 384\n")
		env := []string{"SAGASU_HTTP_ADDR=127.0.0.1:2", "SAGASU_OPS_ADDR=127.0.0.1:3", "SAGASU_SERVICE_HOST=10.0.0.1"}
		code, stdout, stderr := invoke(t, "", env, "config", "check", "--config", file, "--ops-addr", "127.0.0.1:4",
			"-o", "json")
		require.Equal(t, exitOK, code, stderr)
		var values []resolved
		require.NoError(t, json.Unmarshal([]byte(stdout), &values))
		got := map[string]resolved{}
		for _, v := range values {
			got[v.Key] = v
		}
		require.Equal(t, resolved{"data-dir", "/var/lib/sagasu", "file " + file}, got["data-dir"])
		require.Equal(t, resolved{"http-addr", "127.0.0.1:2", "environment SAGASU_HTTP_ADDR"}, got["http-addr"])
		require.Equal(t, resolved{"ops-addr", "127.0.0.1:4", "flag --ops-addr"}, got["ops-addr"])
		require.Equal(t, resolved{"embed-dims", "384", "file " + file}, got["embed-dims"])
		require.Equal(t, "default", got["milvus-addr"].Source)
		require.Contains(t, stderr, "SAGASU_SERVICE_HOST is no setting")
	})
	t.Run("names an unknown key", func(t *testing.T) {
		write("data-dir: x\nhttp:\n  addr: 127.0.0.1:1\n")
		code, _, stderr := invoke(t, "", nil, "config", "check", "--config", file)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, `unknown key "http.addr"`)
	})
	t.Run("names a file that is not YAML", func(t *testing.T) {
		write("data-dir: [")
		code, _, stderr := invoke(t, "", nil, "config", "check", "--config", file)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, file)
	})
}

func TestClient(t *testing.T) {
	t.Run("an unreachable server has its exit code", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		code, _, stderr := invoke(t, "", []string{"SAGASU_SERVER=" + server.URL}, "index", "list")
		require.Equal(t, exitUnreachable, code, stderr)
	})
	t.Run("a problem is told with its field", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, err := w.Write([]byte(`{"title":"Invalid query","status":400,"detail":"is unknown","field":"query.x"}`))
			require.NoError(t, err)
		}))
		defer server.Close()
		code, _, stderr := invoke(t, "", nil, "search", "a", "b", "--server", server.URL)
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "query.x: is unknown (400)")
	})
	t.Run("bulk lists failed items", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write([]byte(`{"id":"a","status":"created","version":1}` + "\n" +
				`{"id":"b","status":"error","error":{"title":"Invalid document","status":400,"detail":"is text","field":"year"}}`))
			require.NoError(t, err)
		}))
		defer server.Close()
		code, stdout, stderr := invoke(t, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", nil, "bulk", "-", "--index", "x",
			"--server", server.URL, "-o", "json")
		require.Equal(t, exitPartial, code, stderr)
		require.JSONEq(t, `{"index":"x","lines":2,"status":{"created":1,"error":1},"failed":1}`, stdout)
		require.Contains(t, stderr, `line 2, id "b": year: is text`)
	})
}

func TestTable(t *testing.T) {
	t.Run("wide characters take two columns", func(t *testing.T) {
		require.Equal(t, 8, displayWidth("地震 abc"))
		require.Equal(t, "地…", fit("地震の早期警報", 4))
		require.Equal(t, "地震  ", pad("地震", 6))
		var out bytes.Buffer
		require.NoError(t, (&terminal{out: &out}).printTable([]string{"A", "B"}, [][]string{{"地震", "x"}, {"abc", "y"}}))
		require.Equal(t, "A     B\n地震  x\nabc   y\n", out.String())
	})
}

func TestJoinVectors(t *testing.T) {
	s := &vectorSource{rows: [][]float32{{1}, {0.5}}, given: true}
	got, err := s.join([]byte(`{"id":"a"} `))
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"a","vector":"AACAPw=="}`, string(got))
	require.ErrorContains(t, s.end(1), "2 vectors for 1 documents")
	_, err = s.join([]byte(`[]`))
	require.ErrorIs(t, err, errNoObject)
	_, err = s.join([]byte(`{}`))
	require.NoError(t, err)
	_, err = s.join([]byte(`{}`))
	require.ErrorContains(t, err, "only 2 vectors")
}
