package shard

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// miss makes n2 lack so much that the logs of the others no longer have it.
func (c *cluster) miss(prefix string) (applied uint64) {
	c.isolate("n2", true)
	applied = c.writeMany(papers, prefix, 60)
	for _, id := range []string{"n0", "n1"} {
		c.count(id, papers, applied)
		c.compact(id, papers)
	}
	c.isolate("n2", false)
	return applied
}

// requireAlike holds a replica's answers to those of another.
func (c *cluster) requireAlike(node, other string, at uint64, prefixes ...string) {
	require.Equal(c.t, c.count(other, papers, at), c.count(node, papers, at))
	terms := append([]string{"warning", "number7"}, prefixes...)
	require.Equal(c.t, c.statistics(other, papers, terms...), c.statistics(node, papers, terms...))
	for _, term := range terms {
		req := sparse.Request{K: 500, Query: &api.Match{
			Fields: []api.FieldBoost{{Field: "text", Boost: 1}}, Text: term, Operator: api.OperatorAnd, Boost: 1,
		}}
		want, _, _, err := c.at(other, papers).SearchSparse(testContext(c.t), rpc.Call{Shard: papers, MinIndex: at}, req, nil)
		require.NoError(c.t, err)
		got, _, _, err := c.at(node, papers).SearchSparse(testContext(c.t), rpc.Call{Shard: papers, MinIndex: at}, req, nil)
		require.NoError(c.t, err)
		require.NotEmpty(c.t, want.Hits)
		require.Equal(c.t, want.Hits, got.Hits, term)
	}
}

func TestRebuild(t *testing.T) {
	c := newCluster(t, "n0", "n1", "n2")
	c.place(papers, "n0", "n1", "n2")
	c.count("n2", papers, c.writeMany(papers, "early", 5))
	c.lead(papers, "n0")
	log := c.members["n2"].log

	t.Run("from the files of another", func(t *testing.T) {
		at := c.miss("second")
		c.requireAlike("n2", "n0", at, "early", "second")
		copied, times := log.find("copied a replica")
		require.Equal(t, 1, times)
		require.Positive(t, copied["bytes"])
		require.NoError(t, c.host("n2").Ready(testContext(t)))
		at = c.write(papers, put("after", "after warning"))
		c.requireAlike("n2", "n0", at, "after")
	})
	t.Run("and what it has already is not fetched", func(t *testing.T) {
		at := c.miss("third")
		c.requireAlike("n2", "n0", at, "early", "second", "third")
		copied, times := log.find("copied a replica")
		require.Equal(t, 2, times)
		require.Positive(t, copied["linked"])
	})
	t.Run("by a node that is new", func(t *testing.T) {
		dir := c.t.TempDir()
		m := c.start("n3", dir)
		c.place(papers, "n0", "n1", "n2", "n3")
		c.awaitMembers(papers, "n0", "n1", "n2", "n3")
		_, times := m.log.find("copied a replica")
		require.Equal(t, 1, times)
		c.requireAlike("n3", "n0", c.write(papers, put("new", "new warning")), "new")
	})
	t.Run("nothing of the copying is left", func(t *testing.T) {
		for _, id := range []string{"n0", "n1", "n2", "n3"} {
			left, err := os.ReadDir(filepath.Join(c.members[id].dir, transfersDir))
			if err == nil {
				require.Empty(t, left)
			}
			require.NoDirExists(t, filepath.Join(c.dirOf(id, papers), "restored"))
			require.NoDirExists(t, filepath.Join(c.dirOf(id, papers), "restored.partial"))
		}
	})
	t.Run("and all comes back after a restart", func(t *testing.T) {
		c.start("n2", c.stop("n2"))
		c.requireAlike("n2", "n0", c.write(papers, put("again", "again warning")), "early", "third", "again")
	})
}

// transfersOf gives a host with a replica that has some files, and a clock that stands still.
func transfersOf(t *testing.T) (*transfers, *time.Time) {
	now := time.Unix(1_700_000_000, 0)
	cfg := testConfig("local", t.TempDir())
	cfg.Now = func() time.Time { return now }
	h, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	there := Assignment{Shard: "p", Index: "papers", Schema: textSchema(), Epoch: 1, Nodes: []string{"local"}}
	require.NoError(t, h.Assign(1, []Assignment{there}, none, true))
	require.NoError(t, h.Ready(testContext(t)))
	return h.transfers, &now
}

func none(string) (Assignment, bool) { return Assignment{}, false }

func TestTransfers(t *testing.T) {
	ctx := context.Background()
	x, now := transfersOf(t)
	c, err := x.OpenCheckpoint(ctx, "p")
	require.NoError(t, err)

	t.Run("files are what they are said to be", func(t *testing.T) {
		require.NotEmpty(t, c.Files)
		for _, file := range c.Files {
			require.NoError(t, rpc.CheckPath(file.Path))
			data, err := x.ReadFile(ctx, c.Session, file.Path, 0, int(file.Size)+10, []byte("before"))
			require.NoError(t, err)
			require.Equal(t, "before", string(data[:6]))
			require.Len(t, data[6:], int(file.Size))
			require.Equal(t, file.SHA256, sha256.Sum256(data[6:]))
			part, err := x.ReadFile(ctx, c.Session, file.Path, file.Size/2, 1000, nil)
			require.NoError(t, err)
			require.Equal(t, data[6+file.Size/2:][:len(part)], part)
			none, err := x.ReadFile(ctx, c.Session, file.Path, file.Size+5, 10, nil)
			require.NoError(t, err)
			require.Empty(t, none)
		}
	})
	t.Run("paths that lead out are refused", func(t *testing.T) {
		handlers := map[uint16]rpc.Handler{}
		rpc.Register(func(method uint16, h rpc.Handler) { handlers[method] = h }, x.host, x)
		client := rpc.NewClient(here(handlers))
		for _, path := range []string{"../p/LOCK", "/etc/passwd", "a/../../LOCK", "", ".", "sparse/", `a\b`} {
			_, err := client.ReadFile(ctx, "n", c.Session, path, 0, 10)
			require.ErrorIs(t, err, rpc.ErrPath, path)
		}
		_, err := client.ReadFile(ctx, "n", c.Session, "sparse/nothing", 0, 10)
		require.Error(t, err)
		_, err = client.ReadFile(ctx, "n", "0000", c.Files[0].Path, 0, 10)
		require.ErrorIs(t, err, rpc.ErrNoSession)
		_, err = client.OpenCheckpoint(ctx, "n", "others-0")
		var none *rpc.NoShardError
		require.ErrorAs(t, err, &none)
	})
	t.Run("there are not too many at once", func(t *testing.T) {
		var names []string
		for range maxSessions - 1 {
			more, err := x.OpenCheckpoint(ctx, "p")
			require.NoError(t, err)
			names = append(names, more.Session)
		}
		_, err := x.OpenCheckpoint(ctx, "p")
		require.ErrorIs(t, err, api.ErrOverloaded)
		_, err = x.OpenCheckpoint(ctx, "others-0")
		require.ErrorIs(t, err, api.ErrOverloaded)
		require.NoError(t, x.CloseCheckpoint(ctx, names[0]))
		require.NoError(t, x.CloseCheckpoint(ctx, names[0]))
		more, err := x.OpenCheckpoint(ctx, "p")
		require.NoError(t, err)
		for _, name := range append(names[1:], more.Session) {
			require.NoError(t, x.CloseCheckpoint(ctx, name))
		}
	})
	t.Run("one that fails leaves no session", func(t *testing.T) {
		for range 2 * maxSessions {
			_, err := x.OpenCheckpoint(ctx, "others-0")
			require.ErrorIs(t, err, api.ErrUnavailable)
		}
		require.Len(t, x.sessions, 1)
	})
	t.Run("one that rests is let go, one in use is not", func(t *testing.T) {
		idle, err := x.OpenCheckpoint(ctx, "p")
		require.NoError(t, err)
		busy, err := x.OpenCheckpoint(ctx, "p")
		require.NoError(t, err)
		require.NotNil(t, x.enter(busy.Session))
		*now = now.Add(sessionIdle)
		_, err = x.ReadFile(ctx, c.Session, c.Files[0].Path, 0, 1, nil)
		require.NoError(t, err)
		*now = now.Add(time.Second)
		require.NoError(t, x.host.Assign(1, nil, none, false))
		require.NoDirExists(t, filepath.Join(x.dir, idle.Session))
		for _, name := range []string{c.Session, busy.Session} {
			require.DirExists(t, filepath.Join(x.dir, name))
		}
		x.leave(busy.Session)
		*now = now.Add(sessionIdle + 1)
		x.expire()
		require.Empty(t, x.sessions)
		_, err = x.ReadFile(ctx, c.Session, c.Files[0].Path, 0, 1, nil)
		require.ErrorIs(t, err, rpc.ErrNoSession)
	})
}

// here is a caller that knows one node.
type here map[uint16]rpc.Handler

func (h here) Call(ctx context.Context, _ string, method uint16, body []byte) ([]byte, error) {
	return h[method](ctx, slices.Clone(body), nil)
}

func TestFetch(t *testing.T) {
	x, _ := transfersOf(t)
	handlers := map[uint16]rpc.Handler{}
	rpc.Register(func(method uint16, h rpc.Handler) { handlers[method] = h }, x.host, x)
	cfg := testConfig("n1", t.TempDir())
	cfg.Peers = rpc.NewClient(here(handlers))
	h, err := New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()

	t.Run("a directory's name is no pattern", func(t *testing.T) {
		into := filepath.Join(t.TempDir(), "in[to")
		_, err := h.fetcher("p", filepath.Join(t.TempDir(), "own[-"))(testContext(t), "n0", into)
		require.NoError(t, err)
		require.DirExists(t, filepath.Join(into, "sparse"))
		require.Empty(t, x.sessions)
	})
	t.Run("damage on the way is found, and the session closed", func(t *testing.T) {
		read := handlers[rpc.MethodReadFile]
		defer func() { handlers[rpc.MethodReadFile] = read }()
		handlers[rpc.MethodReadFile] = func(ctx context.Context, body, dst []byte) ([]byte, error) {
			answer, err := read(ctx, body, dst)
			if err == nil {
				answer[len(answer)-1] ^= 1
			}
			return answer, err
		}
		_, err := h.fetcher("p", t.TempDir())(testContext(t), "n0", t.TempDir())
		require.ErrorIs(t, err, rpc.ErrChecksum)
		require.Empty(t, x.sessions)
	})
	t.Run("a segment of its own that is another's of that size is fetched", func(t *testing.T) {
		own, into := t.TempDir(), t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(own, "sparse"), 0o755))
		from := t.TempDir()
		for path, text := range map[string]string{
			filepath.Join(own, "sparse", "1.seg"):   "the same",
			filepath.Join(own, "sparse", "2.seg"):   "others!!",
			filepath.Join(from, "1.seg"):            "the same",
			filepath.Join(from, "2.seg"):            "othersss",
			filepath.Join(own, "sparse", "3.other"): "the else",
		} {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
		x.sessions["s"] = &session{dir: from}
		files, err := listFiles(testContext(t), from)
		require.NoError(t, err)
		f := &fetch{
			host: h, from: "n0", into: into, own: map[content]string{}, valve: h.valveOf("none"),
			checkpoint: rpc.Checkpoint{Session: "s", Files: files},
		}
		require.NoError(t, f.run(testContext(t), own))
		require.Equal(t, 1, f.linked)
		require.Equal(t, int64(8), f.bytes)
		for _, name := range []string{"1.seg", "2.seg"} {
			want, err := os.ReadFile(filepath.Join(from, name))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(into, name))
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		require.NoError(t, x.CloseCheckpoint(testContext(t), "s"))
	})
	t.Run("a caller that leaves ends it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		_, err := h.fetcher("p", t.TempDir())(ctx, "n0", t.TempDir())
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, x.sessions)
	})
}

func TestDiskUse(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, vfs.OS().MkdirAll(filepath.Join(dir, "a", "b")))
	for i, name := range []string{"x", "a/y", "a/b/z"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, 100+i), 0o600))
	}
	size, err := diskUse(dir)
	require.NoError(t, err)
	require.Equal(t, int64(303), size)
	size, err = diskUse(filepath.Join(dir, fmt.Sprint("nothing")))
	require.NoError(t, err)
	require.Zero(t, size)
}
