package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// ingestServer is an index that keeps documents in a map.
type ingestServer struct {
	*httptest.Server
	schema api.Schema

	mu    sync.Mutex
	shard string
	docs  map[string]string
	// sent are the ids of the writes in the order they came.
	sent []string
	// busy is how many requests, and how many single documents, are refused as too many.
	busy, busyItems int
	// broken requests have no answer.
	broken bool
}

func newIngestServer(t *testing.T) *ingestServer {
	t.Helper()
	s := &ingestServer{docs: map[string]string{}, shard: "one"}
	var err error
	s.schema, err = api.ParseSchema([]byte(
		`{"fields":{"title":{"type":"text"},"text":{"type":"text"},"year":{"type":"int"}}}`))
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/indexes/notes", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(api.IndexInfo{Name: "notes", Schema: s.schema})
	})
	mux.HandleFunc("GET /v1/cluster/shards", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"shards":[{"index":"notes","shard":%q,"ordinal":0}]}`, s.shard)
	})
	mux.HandleFunc("POST /v1/indexes/notes/documents", s.write)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *ingestServer) write(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		panic(http.ErrAbortHandler)
	}
	if s.busy > 0 {
		s.busy--
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(api.NewProblem(api.ProblemOverloaded, 429, "", "full").AppendJSON(nil))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	number := 0
	for line := range bytes.Lines(body) {
		number++
		result := s.apply(line)
		if p := result.Error; p != nil {
			p.Field = strings.TrimSuffix(fmt.Sprintf("line %d.%s", number, p.Field), ".")
		}
		_, _ = w.Write(append(result.AppendJSON(nil), '\n'))
	}
}

func (s *ingestServer) apply(line []byte) api.WriteResult {
	write, err := api.ParseDocument(&s.schema, line)
	var problem *api.Problem
	if errors.As(err, &problem) {
		return api.WriteResult{ID: write.Doc.ID, Status: api.StatusError, Error: problem}
	}
	id := write.Doc.ID
	if s.busyItems > 0 {
		s.busyItems--
		return api.WriteResult{ID: id, Status: api.StatusError, Error: api.NewProblem(api.ProblemOverloaded, 429, "", "full")}
	}
	s.sent = append(s.sent, id)
	_, known := s.docs[id]
	switch {
	case write.Kind == api.OpDelete && !known:
		return api.WriteResult{ID: id, Status: api.StatusNotFound}
	case write.Kind == api.OpDelete:
		delete(s.docs, id)
		return api.WriteResult{ID: id, Status: api.StatusDeleted}
	}
	s.docs[id] = string(write.Doc.Source)
	if known {
		return api.WriteResult{ID: id, Status: api.StatusUpdated}
	}
	return api.WriteResult{ID: id, Status: api.StatusCreated, Passages: 2}
}

// set changes the server.
func (s *ingestServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// took gives the ids that were written since the last call, in order.
func (s *ingestServer) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	slices.Sort(sent)
	return sent
}

// ingesting is a directory of files and a server.
type ingesting struct {
	*ingestServer
	dir, state string
}

func newIngesting(t *testing.T) *ingesting {
	t.Helper()
	g := &ingesting{ingestServer: newIngestServer(t), dir: t.TempDir()}
	g.state = filepath.Join(t.TempDir(), "deep", "state")
	g.put(t, "a.md", "# A\ntext")
	g.put(t, "sub/b.txt", "b")
	g.put(t, "c.jsonl", `{"id":"c1","title":"one"}`+"\n"+`{"id":"c2","title":"two","extra":1}`+"\n")
	return g
}

func (g *ingesting) put(t *testing.T, name, data string) {
	t.Helper()
	path := filepath.Join(g.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
}

func (g *ingesting) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	args = append([]string{"ingest", g.dir, "--index", "notes", "--server", g.URL, "--state", g.state}, args...)
	return invoke(t, "", nil, args...)
}

func (g *ingesting) ids() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.docs))
}

func TestIngest(t *testing.T) {
	t.Run("reads every kind of file", func(t *testing.T) {
		g := newIngesting(t)
		g.put(t, "d.csv", "id,title,year\nd1,One,2020\n")
		code, stdout, stderr := g.run(t)
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, []string{"a.md", "c1", "c2", "d1", "sub/b.txt"}, g.ids())
		require.JSONEq(t, `{"title":"A","text":"# A\ntext"}`, g.docs["a.md"])
		require.JSONEq(t, `{"title":"One","year":2020}`, g.docs["d1"])
		require.Contains(t, stdout,
			"4 files, 0 unchanged; 5 documents: 5 created, 0 updated, 0 deleted, 0 failed; 10 passages")
		require.Contains(t, stderr, "left out, as the index has no such field: extra (1 times)")
	})
	t.Run("goes on with what is new or has changed", func(t *testing.T) {
		g := newIngesting(t)
		code, _, stderr := g.run(t, "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.took(), 4)
		code, stdout, stderr := g.run(t, "--resume", "-o", "json")
		require.Equal(t, exitOK, code, stderr)
		require.Empty(t, g.took())
		require.JSONEq(t, `{"index":"notes","files":3,"unchanged":3,"documents":0,"status":{},"failed":0}`, stdout)

		g.put(t, "new.txt", "n")
		g.put(t, "a.md", "# A\nother")
		later := time.Now().Add(time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(g.dir, "sub/b.txt"), later, later))
		code, _, stderr = g.run(t, "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, []string{"a.md", "new.txt"}, g.took())

		code, _, stderr = g.run(t)
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.took(), 5, "without --resume all is sent")
		code, _, stderr = g.run(t, "--resume", "--field-map", "extra=")
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.took(), 5, "other options make other documents")
	})
	t.Run("an index made anew gets all", func(t *testing.T) {
		g := newIngesting(t)
		g.run(t, "--resume")
		g.took()
		g.set(func() { g.shard = "two" })
		code, _, stderr := g.run(t, "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.took(), 4)
		require.Contains(t, stderr, "the index is another one")
	})
	t.Run("deletes what is gone", func(t *testing.T) {
		g := newIngesting(t)
		g.put(t, "d.jsonl", `{"id":"d1"}`)
		g.run(t, "--resume")
		require.NoError(t, os.Remove(filepath.Join(g.dir, "a.md")))
		// c1 moves to another file, c2 goes.
		g.put(t, "c.jsonl", `{"id":"c3"}`)
		g.put(t, "d.jsonl", `{"id":"d1"}`+"\n"+`{"id":"c1"}`)
		code, _, stderr := g.run(t, "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, []string{"a.md", "c1", "c2", "c3", "d1", "sub/b.txt"}, g.ids())
		code, stdout, stderr := g.run(t, "--resume", "--delete-missing", "--glob", "*.jsonl")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, []string{"c1", "c3", "d1", "sub/b.txt"}, g.ids())
		require.Contains(t, stdout, "2 deleted")
		g.took()
		g.run(t, "--resume", "--delete-missing")
		require.Empty(t, g.took())
	})
	t.Run("deletes nothing where no file is", func(t *testing.T) {
		g := newIngesting(t)
		g.run(t, "--resume")
		require.NoError(t, os.RemoveAll(g.dir))
		require.NoError(t, os.Mkdir(g.dir, 0o755))
		code, _, stderr := g.run(t, "--resume", "--delete-missing")
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "no file was found")
		require.Len(t, g.ids(), 4)
	})
	t.Run("tells what failed, and sends it again", func(t *testing.T) {
		g := newIngesting(t)
		g.put(t, "c.jsonl", `{"id":"c1","title":"one"}`+"\n"+`{"id":"c2","year":"soon"}`+"\nno\n"+`{"id":"c1"}`)
		g.put(t, "bad.txt", "\xe3\x81\x82\xe3\x81\x84\xe3\x81\x86"+strings.Repeat("あ", 40)+"\xff")
		code, stdout, stderr := g.run(t, "--resume")
		require.Equal(t, exitPartial, code, stderr)
		require.Contains(t, stdout, "4 failed")
		require.Contains(t, stderr, `c.jsonl, line 2, id "c2": year: is a string, must be a number`)
		require.Contains(t, stderr, `c.jsonl, line 3: malformed: is no JSON`)
		require.Contains(t, stderr, `the id "c1" is that of a document of`)
		require.Contains(t, stderr, `bad.txt: bad encoding`)
		g.took()
		g.put(t, "c.jsonl", `{"id":"c2","year":1}`)
		g.put(t, "bad.txt", "good")
		code, _, stderr = g.run(t, "--resume", "--delete-missing")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, []string{"bad.txt", "c1", "c2"}, g.took())
		require.Equal(t, []string{"a.md", "bad.txt", "c2", "sub/b.txt"}, g.ids())
	})
	t.Run("waits for a busy server", func(t *testing.T) {
		g := newIngesting(t)
		g.set(func() { g.busy, g.busyItems = 2, 3 })
		code, _, stderr := g.run(t)
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.ids(), 4)
	})
	t.Run("what was interrupted goes on", func(t *testing.T) {
		g := newIngesting(t)
		g.set(func() { g.broken = true })
		code, _, stderr := g.run(t, "--resume")
		require.Equal(t, exitUnreachable, code, stderr)
		g.set(func() { g.broken = false })
		code, _, stderr = g.run(t, "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.ids(), 4)
	})
	t.Run("a rehearsal sends and remembers nothing", func(t *testing.T) {
		g := newIngesting(t)
		code, stdout, stderr := g.run(t, "--dry-run", "--resume", "--delete-missing")
		require.Equal(t, exitOK, code, stderr)
		require.Empty(t, g.ids())
		require.NoFileExists(t, g.state)
		require.Regexp(t, `jsonl +1 +2 +\d+ B +\{"title":"one","id":"c1"\}`, stdout)
		require.Contains(t, stderr, "nothing was sent: 3 files, 0 unchanged, 0 gone; 4 documents, 0 failures")
	})
	t.Run("many documents, several requests at once", func(t *testing.T) {
		g := newIngesting(t)
		var data strings.Builder
		for i := range 5 * maxBulkBatch {
			_, _ = fmt.Fprintf(&data, "{\"id\":\"m%d\"}\n", i)
		}
		g.put(t, "many.jsonl", data.String())
		code, _, stderr := g.run(t, "--concurrency", "4", "--resume")
		require.Equal(t, exitOK, code, stderr)
		require.Len(t, g.ids(), 5*maxBulkBatch+4)
		g.took()
		g.run(t, "--resume")
		require.Empty(t, g.took())
	})
}

func TestIngestRefuses(t *testing.T) {
	g := newIngesting(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no path":         {[]string{"ingest", "--index", "x"}, "takes at least one path"},
		"no index":        {[]string{"ingest", g.dir}, "--index is not set"},
		"a path to none":  {[]string{"ingest", g.dir + "/none", "--index", "notes"}, "no such file"},
		"too many":        {[]string{"ingest", g.dir, "--index", "notes", "--concurrency", "99"}, "must be 1 to 32"},
		"a bad mapping":   {[]string{"ingest", g.dir, "--index", "notes", "--field-map", "x"}, "must be a=b"},
		"delete alone":    {[]string{"ingest", g.dir, "--index", "notes", "--delete-missing"}, "needs --resume"},
		"an unknown name": {[]string{"ingest", g.dir, "--index", "notes", "--field-map", "a=zz", "--server", g.URL}, `"zz"`},
		"a bad pattern": {
			[]string{"ingest", g.dir, "--index", "notes", "--glob", "[", "--server", g.URL}, "malformed pattern",
		},
		"no place": {
			[]string{"ingest", g.dir, "--index", "notes", "--resume", "--server", g.URL}, "neither XDG_STATE_HOME nor HOME",
		},
		"a state that is none": {
			[]string{"ingest", g.dir, "--index", "notes", "--state", filepath.Join(g.dir, "a.md"), "--server", g.URL},
			"is no file of what was sent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := invoke(t, "", nil, c.args...)
			require.Equal(t, exitUsage, code, stderr)
			require.Contains(t, stderr, c.want)
		})
	}
	t.Run("the state of a newer version", func(t *testing.T) {
		require.NoError(t, os.MkdirAll(filepath.Dir(g.state), 0o755))
		require.NoError(t, os.WriteFile(g.state, []byte(`{"version":2,"index":"one"}`+"\n"), 0o600))
		code, _, stderr := g.run(t)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "has version 2")
	})
	t.Run("the default state has its place", func(t *testing.T) {
		home := t.TempDir()
		code, _, stderr := invoke(t, "", []string{"HOME=" + home}, "ingest", g.dir, "--index", "notes", "--server", g.URL)
		require.Equal(t, exitOK, code, stderr)
		found, err := filepath.Glob(filepath.Join(home, ".local/state/sagasu/ingest/notes-*.jsonl"))
		require.NoError(t, err)
		require.Len(t, found, 1)
	})
}

func TestIngestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s, err := openIngestState(path, "one", false)
	require.NoError(t, err)
	require.NoError(t, s.note(sentFile{Path: "/a", Size: 1, IDs: []string{"a"}}))
	require.NoError(t, s.note(sentFile{Path: "/b"}))
	require.NoError(t, s.note(sentFile{Path: "/b", Gone: true}))
	require.NoError(t, s.close())
	// A crash cuts the last line off.
	out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = out.WriteString(`{"path":"/c","si`)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	for range 2 {
		s, err = openIngestState(path, "one", false)
		require.NoError(t, err)
		require.Len(t, s.files, 1)
		sent, ok := s.sent("/a")
		require.True(t, ok)
		require.Equal(t, []string{"a"}, sent.IDs)
		require.NoError(t, s.close())
	}
}
