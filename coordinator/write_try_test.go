package coordinator

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/jobs"
)

// statuses gives what became of writes.
func statuses(results []api.WriteResult) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.Status)
	}
	return out
}

func TestWriteAgain(t *testing.T) {
	for name, schemaText := range map[string]string{
		"whole documents": `{"fields":{"text":{"type":"text"}}}`,
		"split documents": `{"fields":{"text":{"type":"text"}},"passages":{"field":"text","size":20,"unit":"characters"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			schema, err := api.ParseSchema([]byte(schemaText))
			require.NoError(t, err)
			dir := t.TempDir()
			n := openNode(t, dir)
			_, err = n.CreateIndex(testContext(t), "papers", schema, api.Layout{Shards: 3})
			require.NoError(t, err)
			parse := func(lines ...string) (writes []api.Write) {
				for _, line := range lines {
					w, err := api.ParseDocument(&schema, []byte(line))
					require.NoError(t, err)
					writes = append(writes, w)
				}
				return writes
			}
			writes := parse(`{"id":"gone","text":"to be deleted"}`)
			for i := range 20 {
				line := fmt.Sprintf(`{"id":"d%d","op":"create","text":"A first sentence %d. And a second one. A third."}`, i, i)
				writes = append(writes, parse(line)...)
			}
			write := func(try jobs.Try, writes []api.Write) []string {
				results, err := n.Write(withTry(testContext(t), try), "papers", writes, httpapi.WriteOptions{})
				require.NoError(t, err)
				return statuses(results)
			}
			created := write(jobs.Try{Key: "job@0"}, writes)
			require.NotContains(t, created, api.StatusConflict)
			require.Equal(t, created, write(jobs.Try{Key: "job@0", Again: true}, writes), "from memory")

			require.NoError(t, n.Close())
			n = openNode(t, dir)
			defer func() { require.NoError(t, n.Close()) }()
			again := write(jobs.Try{Key: "job@0", Again: true}, writes)
			require.NotContains(t, again, api.StatusConflict, "the shards may remember no more than that it was done")
			require.Equal(t, created[1:], again[1:])
			again = write(jobs.Try{Key: "another", Again: true}, writes)
			require.Equal(t, created[1:], again[1:], "not even that it was done")

			other := parse(`{"id":"d1","op":"create","text":"Something else."}`, `{"id":"d2","if_version":0,"text":"No."}`)
			require.Equal(t, []string{"conflict", "conflict"}, write(jobs.Try{Key: "b", Again: true}, other))
			require.Equal(t, []string{"conflict"}, write(jobs.Try{Key: "c"}, writes[1:2]), "a first try is no repetition")
			found, err := n.Get(testContext(t), "papers", "d1")
			require.NoError(t, err)
			require.Contains(t, string(found.Source), "A first sentence 1.")

			removal := []api.Write{{Kind: api.OpDelete, Doc: api.Document{ID: "gone"}}}
			require.Equal(t, []string{"deleted"}, write(jobs.Try{Key: "d"}, removal))
			require.Equal(t, []string{"deleted"}, write(jobs.Try{Key: "d", Again: true}, removal))
		})
	}
}
