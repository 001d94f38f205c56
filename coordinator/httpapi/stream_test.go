package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

const streamPath = "/v1/indexes/papers/documents"

func TestStream(t *testing.T) {
	const ndjson = "Content-Type: application/x-ndjson"
	t.Run("a result for each line, faults included", func(t *testing.T) {
		f := newFixture(t, nil)
		body := `{"id":"a","title":"x"}` + "\n\n" + `{"id":"b","colour":1}` + "\r\n" + `not json` + "\n" +
			`{"id":"c","title":"` + strings.Repeat("y", api.MaxBulkLine) + `"}` + "\n" +
			`{"id":"a","op":"create"}` + "\n" + `{"id":"a","op":"delete"}`
		resp, answer := f.do(t, "POST", streamPath, body, ndjson)
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
		lines := results(t, answer)
		require.Len(t, lines, 6)
		var got []api.WriteResult
		for _, line := range lines {
			var r api.WriteResult
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			got = append(got, r)
		}
		require.Equal(t, "created", got[0].Status)
		require.Equal(t, "line 3.colour", got[1].Error.Field)
		require.Equal(t, "line 4", got[2].Error.Field)
		require.Equal(t, 413, got[3].Error.Status)
		require.Equal(t, "conflict", got[4].Status)
		require.Equal(t, "op", got[4].Error.Field)
		require.Equal(t, "deleted", got[5].Status)
	})
	t.Run("nothing", func(t *testing.T) {
		f := newFixture(t, nil)
		resp, answer := f.do(t, "POST", streamPath, "", ndjson)
		require.Equal(t, 200, resp.StatusCode)
		require.Empty(t, answer)
	})
	t.Run("an unknown index", func(t *testing.T) {
		f := newFixture(t, nil)
		resp, body := f.do(t, "POST", "/v1/indexes/nope/documents", `{"id":"a"}`, ndjson)
		requireProblem(t, resp, body, 404, "", "nope")
	})
	t.Run("a node that fails", func(t *testing.T) {
		f := newFixture(t, nil)
		f.node.writeHook = func(context.Context, []api.Write, WriteOptions) error { return api.ErrUnavailable }
		_, answer := f.do(t, "POST", streamPath, `{"id":"a"}`, ndjson)
		require.Contains(t, answer, `"status":503`)
	})
	t.Run("lines about one document keep their order", func(t *testing.T) {
		f := newFixture(t, nil)
		var body strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&body, `{"id":"same","year":%d}`+"\n", i)
		}
		f.do(t, "POST", streamPath, body.String(), ndjson)
		require.JSONEq(t, `{"year":4999}`, string(f.node.docs["same"].Source))
	})
}

// TestStreamIsAnsweredWhileItLasts holds a conversation: each line is answered before the next is sent.
func TestStreamIsAnsweredWhileItLasts(t *testing.T) {
	f := newFixture(t, nil)
	in, out := io.Pipe()
	req, err := http.NewRequest("POST", "http://node"+streamPath, in)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-ndjson")
	send := func(i int) { fmt.Fprintf(out, `{"id":"d%d"}`+"\n", i) }
	go send(0)
	resp, err := f.client.Do(req)
	require.NoError(t, err)
	answers := bufio.NewReader(resp.Body)
	for i := range 20 {
		line, err := answers.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, fmt.Sprintf(`"d%d"`, i))
		send(i + 1)
	}
	require.NoError(t, out.Close())
	_, err = io.ReadAll(answers)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// TestStreamOfManyLines sends far more than is to be held, and looks at the heap meanwhile.
func TestStreamOfManyLines(t *testing.T) {
	const count = 100_000
	f := newFixture(t, nil)
	var mu sync.Mutex
	var highest uint64
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	batches := 0
	f.node.writeHook = func(_ context.Context, writes []api.Write, _ WriteOptions) error {
		mu.Lock()
		defer mu.Unlock()
		if batches++; batches%40 == 0 {
			var now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
		}
		require.LessOrEqual(t, len(writes), batchDocuments)
		for i := range writes {
			// The fake is not to keep documents.
			writes[i] = api.Write{Kind: api.OpDelete, Doc: api.Document{ID: writes[i].Doc.ID}}
		}
		return nil
	}
	in, out := io.Pipe()
	go func() {
		padding := strings.Repeat("z", 1000)
		w := bufio.NewWriterSize(out, 1<<20)
		for i := range count {
			fmt.Fprintf(w, `{"id":"d%d","title":"%s"}`+"\n", i, padding)
		}
		_ = w.Flush()
		_ = out.Close()
	}()
	req, err := http.NewRequest("POST", "http://node"+streamPath, in)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := f.client.Do(req)
	require.NoError(t, err)
	lines := bufio.NewScanner(resp.Body)
	n := 0
	for ; lines.Scan(); n++ {
		require.Contains(t, lines.Text(), fmt.Sprintf(`"id":"d%d"`, n))
	}
	require.NoError(t, lines.Err())
	require.NoError(t, resp.Body.Close())
	require.Equal(t, count, n)
	require.Less(t, highest, before.HeapAlloc+48<<20, "100 MB of lines must not be held")
}

func TestStreamThatBreaksOff(t *testing.T) {
	f := newFixture(t, nil)
	conn, err := f.dial()
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"+
		"Content-Length: 100000\r\n\r\n", streamPath)
	require.NoError(t, err)
	for i := range 1000 {
		_, err = fmt.Fprintf(conn, `{"id":"d%d"}`+"\n", i)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool {
		f.node.mu.Lock()
		defer f.node.mu.Unlock()
		return len(f.node.docs) > 0
	}, queueWait*100, queueWait/10)
}

func TestLines(t *testing.T) {
	text := "one\n\n  two \r\n" + strings.Repeat("x", 300_000) + "\nlast"
	for name, in := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newLineReader(in, 100_000)
			for _, want := range []string{"one", "", "two", "!", "last"} {
				line, err := r.next()
				if want == "!" {
					require.ErrorIs(t, err, errLineTooLong)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, string(line))
			}
			_, err := r.next()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestSpool(t *testing.T) {
	t.Run("waits for the reader beyond its limit", func(t *testing.T) {
		s := newSpool(10)
		go func() {
			for range 100 {
				s.put([]byte("0123456789"))
			}
			s.close()
		}()
		total := 0
		for chunk := s.take(nil); len(chunk) > 0; chunk = s.take(nil) {
			require.LessOrEqual(t, len(chunk), 20)
			total += len(chunk)
		}
		require.Equal(t, 1000, total)
	})
	t.Run("takes everything once abandoned", func(t *testing.T) {
		s := newSpool(0)
		s.put([]byte("x"))
		s.abandon()
		s.put([]byte("x"))
		s.put([]byte("x"))
		require.Empty(t, s.take(nil))
	})
}
