package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseKeyRequest(t *testing.T) {
	r, err := ParseKeyRequest([]byte(`{"name":"ci","roles":["reader"],"indexes":["a*"],"filter":{"term":{"tenant":"red"}},` +
		`"permissions":[{"actions":["index.write"],"indexes":["b"]}],"attributes":{"tenant":["red"]},` +
		`"expires":"2030-01-02T03:04:05Z"}`))
	require.NoError(t, err)
	require.Equal(t, "ci", r.Name)
	require.Equal(t, []string{"reader"}, r.Roles)
	require.JSONEq(t, `{"term":{"tenant":"red"}}`, string(r.Filter))
	require.Equal(t, 2030, r.Expires.Year())
	for _, text := range []string{
		"", "[]", "{", `{"name":1}`, `{"rules":[]}`, `{} {}`, `{"expires":"tomorrow"}`, `{"attributes":{"a":"b"}}`, "\xff",
	} {
		_, err := ParseKeyRequest([]byte(text))
		var p *Problem
		require.ErrorAs(t, err, &p, text)
		require.Equal(t, 400, p.Status)
	}
	rotation, err := ParseKeyRotation(nil)
	require.NoError(t, err)
	require.Nil(t, rotation.OverlapSeconds)
	rotation, err = ParseKeyRotation([]byte(`{"overlap_seconds":0}`))
	require.NoError(t, err)
	require.Zero(t, *rotation.OverlapSeconds)
	permissions, err := ParseAccessRole([]byte(`{"permissions":[{"actions":["cluster.read"]}]}`))
	require.NoError(t, err)
	require.Len(t, permissions, 1)
}

func FuzzParseKeyRequest(f *testing.F) {
	f.Add([]byte(`{"name":"ci","roles":["reader"],"filter":{"term":{"tenant":"red"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseKeyRequest(data); err != nil {
			var p *Problem
			require.ErrorAs(t, err, &p)
		}
	})
}
