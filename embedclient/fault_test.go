package embedclient_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sagasu/api"
	"sagasu/embedclient"
)

// serve starts a stand-in service for faults that a real one can't be brought to.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// impatient is a client without retries, for vectors of two values.
func impatient(t *testing.T, url string, change func(*embedclient.Config)) *embedclient.Client {
	t.Helper()
	return open(t, url, func(c *embedclient.Config) {
		c.Dims, c.MaxRetries = 2, 0
		if change != nil {
			change(c)
		}
	})
}

// drop ends a connection without an answer, by a reset.
func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestFaults(t *testing.T) {
	good := `{"data":[{"index":0,"embedding":[1,2]}]}`
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    error
		message string
	}{
		{"server error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"out of memory"}}`, 500)
		}, embedclient.ErrUnavailable, "status 500: out of memory"},
		{"bad gateway of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>\n<h1>Bad   Gateway</h1>", 502)
		}, embedclient.ErrUnavailable, "status 502: <html> <h1>Bad Gateway</h1>"},
		{"overload", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"error":"Model is overloaded","error_type":"overloaded"}`, 429)
		}, embedclient.ErrUnavailable, "status 429: Model is overloaded"},
		{"rejection in the words of fastapi", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"detail":"text too long"}`, 422)
		}, embedclient.ErrRejected, "status 422: text too long"},
		{"a message without end", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("あ", 10_000), 400)
		}, embedclient.ErrRejected, "ああ..."},
		{"no message", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
		}, embedclient.ErrRejected, "status 400: (no message)"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", 308)
		}, embedclient.ErrUnavailable, "status 308"},
		{"reset", func(w http.ResponseWriter, _ *http.Request) { drop(w) }, embedclient.ErrUnavailable, ""},
		{"malformed", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, good[:20])
		}, embedclient.ErrBadResponse, ""},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4000")
			fmt.Fprint(w, good)
		}, embedclient.ErrUnavailable, ""},
		{"wrong dimensions", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"data":[{"embedding":[1,2,3]}]}`)
		}, embedclient.ErrBadResponse, "3 dimensions, the configuration says 2"},
		{"wrong count", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}`)
		}, embedclient.ErrBadResponse, ""},
		{"endless answer", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, embedclient.ErrBadResponse, "too large"},
		{"hang", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, embedclient.ErrTimeout, ""},
		{"hang after the head", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4000")
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, embedclient.ErrTimeout, ""},
		{"a byte now and then", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4000")
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				<-tick.C
			}
		}, embedclient.ErrTimeout, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := impatient(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				// net/http notices a closed connection only once the body has been read.
				var request map[string]any
				if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
					http.Error(w, err.Error(), 599)
					return
				}
				c.handler(w, r)
			}), func(cfg *embedclient.Config) {
				if errors.Is(c.want, embedclient.ErrTimeout) {
					cfg.QueryTimeout = 200 * time.Millisecond
				}
			})
			vectors, err := client.Embed(t.Context(), embedclient.Query, []string{"text"})
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.message)
			require.Less(t, len(err.Error()), 600)
			require.Nil(t, vectors[0])
		})
	}
}

func TestConnections(t *testing.T) {
	t.Run("nothing listens", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		_, err := impatient(t, server.URL, nil).Embed(t.Context(), embedclient.Query, []string{"text"})
		require.ErrorIs(t, err, embedclient.ErrUnavailable)
	})
	t.Run("a connection closed meanwhile is replaced", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"data":[{"embedding":[1,2]}]}`)
		}))
		defer server.Close()
		client := impatient(t, server.URL, nil)
		for i := range 5 {
			_, err := client.Embed(t.Context(), embedclient.Query, []string{fmt.Sprint(i)})
			require.NoError(t, err)
			server.CloseClientConnections()
		}
	})
	t.Run("close breaks a hanging request and leaves nothing running", func(t *testing.T) {
		ignore := goleak.IgnoreCurrent()
		asked := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				w.WriteHeader(400)
			}
			close(asked)
			<-r.Context().Done()
		}))
		cfg := embedclient.Default()
		cfg.URL = server.URL
		client, err := embedclient.New(cfg, nil, nil)
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := client.Embed(t.Context(), embedclient.Passage, []string{"text"})
			failed <- err
		}()
		<-asked
		require.NoError(t, client.Close())
		require.ErrorIs(t, <-failed, embedclient.ErrClosed)
		server.Close()
		goleak.VerifyNone(t, ignore,
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
	})
}

func TestOpenAIRequest(t *testing.T) {
	var request map[string]any
	var path, auth string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		request, path, auth = nil, r.URL.Path, r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		fmt.Fprint(w, `{"data":[{"embedding":[1,2]}]}`)
	})
	ask := func(t *testing.T, kind embedclient.Kind, change func(*embedclient.Config)) {
		_, err := impatient(t, url, change).Embed(t.Context(), kind, []string{"text"})
		require.NoError(t, err)
	}
	t.Run("as the real openai wants it", func(t *testing.T) {
		ask(t, embedclient.Query, func(c *embedclient.Config) {
			c.URL, c.APIKey, c.Model, c.InputTypeField, c.SendDims = url+"/v1", "secret", "m", "", true
		})
		require.Equal(t, map[string]any{
			"input": []any{"text"}, "model": "m", "encoding_format": "base64", "dimensions": 2.0,
		}, request)
		require.Equal(t, "/v1/embeddings", path)
		require.Equal(t, "Bearer secret", auth)
	})
	t.Run("with kinds", func(t *testing.T) {
		ask(t, embedclient.Passage, func(c *embedclient.Config) {
			c.URL, c.PassageInputType, c.PassagePrefix = url+"/proxy/v1/embeddings", "search_document", "passage: "
			c.Encoding = embedclient.EncodingFloat
		})
		require.Equal(t, map[string]any{
			"input": []any{"passage: text"}, "input_type": "search_document", "encoding_format": "float",
		}, request)
		require.Equal(t, "/proxy/v1/embeddings", path)
		require.Empty(t, auth)
	})
}

// TestTEI holds the client to the protocol of text-embeddings-inference as its documentation has it.
func TestTEI(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Inputs   []string `json:"inputs"`
			Prompt   string   `json:"prompt_name"`
			Truncate bool     `json:"truncate"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		rows := []any{}
		for _, text := range request.Inputs {
			switch {
			case len(request.Inputs) > 4:
				http.Error(w, `{"error":"batch size 5 > maximum allowed batch size 4","error_type":"Validation"}`, 413)
				return
			case text == "model fails":
				http.Error(w, `{"error":"CUDA error","error_type":"Backend"}`, 424)
				return
			case len(text) > 20 && !request.Truncate:
				http.Error(w, `{"error":"must have less than 512 tokens","error_type":"Tokenizer"}`, 422)
				return
			case r.URL.Path == "/embed_sparse":
				rows = append(rows, []map[string]any{{"index": 1012, "value": 0.5}, {"index": len(text), "value": 1}})
			case r.URL.Path == "/embed" && request.Prompt == "query":
				rows = append(rows, []float64{1, float64(len(text))})
			default:
				rows = append(rows, []float64{2, float64(len(text))})
			}
		}
		if err := json.NewEncoder(w).Encode(rows); err != nil {
			panic(err)
		}
	})
	client := impatient(t, url, func(c *embedclient.Config) {
		c.Protocol, c.QueryPrompt, c.PassagePrompt = embedclient.ProtocolTEI, "query", "passage"
	})
	t.Run("dense, by kind", func(t *testing.T) {
		vectors, err := client.Embed(t.Context(), embedclient.Query, []string{"a", "bb"})
		require.NoError(t, err)
		require.Equal(t, [][]float32{{1, 1}, {1, 2}}, vectors)
		vectors, err = client.Embed(t.Context(), embedclient.Passage, []string{"a"})
		require.NoError(t, err)
		require.Equal(t, [][]float32{{2, 1}}, vectors)
	})
	t.Run("sparse", func(t *testing.T) {
		vectors, err := client.EmbedSparse(t.Context(), embedclient.Passage, []string{"abc", "a"})
		require.NoError(t, err)
		require.Equal(t, [][]api.SparseEntry{
			{{Dim: 3, Weight: 1}, {Dim: 1012, Weight: 0.5}}, {{Dim: 1, Weight: 1}, {Dim: 1012, Weight: 0.5}},
		}, vectors)
	})
	t.Run("a batch over the service's limit is halved", func(t *testing.T) {
		vectors, err := client.Embed(t.Context(), embedclient.Passage, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"})
		require.NoError(t, err)
		require.Len(t, vectors, 9)
	})
	t.Run("a text that is too long fails alone", func(t *testing.T) {
		vectors, err := client.Embed(t.Context(), embedclient.Passage, []string{"a", strings.Repeat("long ", 9), "b"})
		var batch *embedclient.BatchError
		require.ErrorAs(t, err, &batch)
		require.NoError(t, batch.Errs[0])
		require.ErrorIs(t, batch.Errs[1], embedclient.ErrRejected)
		require.ErrorContains(t, batch.Errs[1], "status 422: must have less than 512 tokens")
		require.NotNil(t, vectors[2])
	})
	t.Run("a query that is too long is cut", func(t *testing.T) {
		vectors, err := client.Embed(t.Context(), embedclient.Query, []string{strings.Repeat("long ", 9)})
		require.NoError(t, err)
		require.Len(t, vectors, 1)
		strict := impatient(t, url, func(c *embedclient.Config) {
			c.Protocol, c.Truncate = embedclient.ProtocolTEI, false
		})
		_, err = strict.Embed(t.Context(), embedclient.Query, []string{strings.Repeat("long ", 9)})
		require.ErrorIs(t, err, embedclient.ErrRejected)
	})
	t.Run("a model that fails is not the text's fault", func(t *testing.T) {
		_, err := client.Embed(t.Context(), embedclient.Query, []string{"model fails"})
		require.ErrorIs(t, err, embedclient.ErrUnavailable)
		require.ErrorContains(t, err, "CUDA error")
	})
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*embedclient.Config){
		"url is \"\"":               func(c *embedclient.Config) { c.URL = "" },
		"url is \"localhost:8000\"": func(c *embedclient.Config) { c.URL = "localhost:8000" },
		"url is \"ftp://x\"":        func(c *embedclient.Config) { c.URL = "ftp://x" },
		"url can't be parsed":       func(c *embedclient.Config) { c.URL = "http://x:y" },
		"user part":                 func(c *embedclient.Config) { c.URL = "http://u:hidden@x" },
		"a query":                   func(c *embedclient.Config) { c.URL = "http://x?y=z" },
		"protocol is \"grpc\"":      func(c *embedclient.Config) { c.Protocol = "grpc" },
		"encoding is \"hex\"":       func(c *embedclient.Config) { c.Encoding = "hex" },
		"dims is -1":                func(c *embedclient.Config) { c.Dims = -1 },
		"send_dims needs dims":      func(c *embedclient.Config) { c.SendDims = true },
		"batch_size is 0":           func(c *embedclient.Config) { c.BatchSize = 0 },
		"batch_bytes is 0":          func(c *embedclient.Config) { c.BatchBytes = 0 },
		"concurrency is 0":          func(c *embedclient.Config) { c.Concurrency = 0 },
		"max_retries is 11":         func(c *embedclient.Config) { c.MaxRetries = 11 },
		"timeout is 0s":             func(c *embedclient.Config) { c.Timeout = 0 },
		"query_timeout is 1h0m0s":   func(c *embedclient.Config) { c.QueryTimeout = time.Hour },
		"api_key":                   func(c *embedclient.Config) { c.APIKey = "a\r\nb" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := embedclient.Default()
			cfg.URL = "http://localhost:8000"
			require.NoError(t, cfg.Validate())
			change(&cfg)
			_, err := embedclient.New(cfg, nil, nil)
			require.ErrorIs(t, err, embedclient.ErrBadConfig)
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}
