package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseModelChange(t *testing.T) {
	c, err := ParseModelChange([]byte(`{"model":"e5","dims":384,"fields":["title","text"]}`))
	require.NoError(t, err)
	require.Equal(t, ModelChange{Model: "e5", Dims: 384, Fields: []string{"title", "text"}}, c)
	c, err = ParseModelChange([]byte(`{"model":""}`))
	require.NoError(t, err)
	require.Zero(t, c)
	for body, want := range map[string]string{
		`{}`:                       "model: is missing",
		`{"model":1}`:              "model:",
		`{"model":"a","dims":0}`:   "dims: is 0, must be 1 to 32768",
		`{"model":"a","dims":1.5}`: "dims:",
		`{"model":"a","fields":1}`: "fields:",
		`{"model":"a","colour":1}`: "colour: is no part",
		`{"model":"a"} x`:          "",
		`[]`:                       "",
	} {
		_, err := ParseModelChange([]byte(body))
		var p *Problem
		require.ErrorAs(t, err, &p, body)
		require.Equal(t, 400, p.Status)
		require.Contains(t, p.Error(), want)
	}
}

func FuzzParseModelChange(f *testing.F) {
	f.Add([]byte(`{"model":"e5","dims":384,"fields":["title"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseModelChange(data)
		if err == nil {
			require.LessOrEqual(t, c.Dims, MaxDenseDims)
		}
	})
}
