package gossip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func anyMeta(t *rapid.T) Meta {
	text := func(name string) string { return rapid.StringMatching(`[a-zA-Z0-9:.\-日本]{0,12}`).Draw(t, name) }
	count := func(name string) int { return rapid.IntRange(0, 1<<31-1).Draw(t, name) }
	m := Meta{
		Cluster: text("cluster"), Instance: text("instance"), Zone: text("zone"), Version: text("version"),
		RPC: text("rpc"), HTTP: text("http"), Ops: text("ops"), Level: rapid.Uint32().Draw(t, "level"),
		Load: Load{
			Shards: count("shards"), CPUPercent: count("cpu"), DiskUsedPercent: count("disk"),
			DiskFreeBytes: rapid.Uint64().Draw(t, "free"),
		},
		Expect: count("expect"),
	}
	m.Roles = append(m.Roles, rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}`), 0, 4).Draw(t, "roles")...)
	return m
}

func TestMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, leaving := anyMeta(t), rapid.Bool().Draw(t, "leaving")
		data, err := encodeMeta(m, leaving)
		require.NoError(t, err)
		got, gotLeaving, err := decodeMeta(data)
		require.NoError(t, err)
		require.Equal(t, m, got)
		require.Equal(t, leaving, gotLeaving)
	})
}

func TestMetaOfANewerProgram(t *testing.T) {
	data, err := encodeMeta(Meta{Zone: "z1", Roles: []string{"shard"}}, false)
	require.NoError(t, err)
	data = append(data, 200, 3, 'n', 'e', 'w')
	m, _, err := decodeMeta(data)
	require.NoError(t, err)
	require.Equal(t, Meta{Zone: "z1", Roles: []string{"shard"}}, m)

	data[0]++
	_, _, err = decodeMeta(data)
	require.ErrorIs(t, err, ErrInvalidMeta)
}

func TestMetaFits(t *testing.T) {
	host := strings.Repeat("h", 60) + ":65535"
	m := Meta{
		Cluster: strings.Repeat("c", 36), Instance: strings.Repeat("f", 32),
		Roles: []string{"coordinator", "shard", "gateway"},
		Zone:  strings.Repeat("z", 32), Version: "12.34.56-rc.1+0123456789abcdef", RPC: host, HTTP: host, Ops: host,
		Level: 1 << 31, Load: Load{1 << 20, 100, 100, 1 << 60}, Expect: 5,
	}
	data, err := encodeMeta(m, true)
	require.NoError(t, err)
	require.LessOrEqual(t, len(data), 420)
}

func TestMetaRefuses(t *testing.T) {
	for name, m := range map[string]Meta{
		"a negative count": {Load: Load{Shards: -1}},
		"a huge count":     {Expect: 1 << 31},
		"no text":          {Zone: "\xff"},
		"a line end":       {Version: "1\n2"},
		"an empty role":    {Roles: []string{""}},
		"many roles":       {Roles: make([]string, maxRoles+1)},
		"too much":         {RPC: strings.Repeat("r", 512)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := encodeMeta(m, false)
			require.ErrorIs(t, err, ErrInvalidMeta)
		})
	}
	for name, data := range map[string]string{
		"nothing":           "",
		"a cut field":       "\x01\x01\x05abc",
		"a cut length":      "\x01\x01\x80",
		"a huge length":     "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a number too long": "\x01\x09\x06\xff\xff\xff\xff\xff\x01",
		"a number and more": "\x01\x09\x02\x01\x01",
		"an empty role":     "\x01\x03\x00",
		"control signs":     "\x01\x04\x01\x07",
		"too much":          "\x01" + strings.Repeat("\xc8\x01x", 171),
		"many roles":        "\x01" + strings.Repeat("\x03\x01r", maxRoles+1),
	} {
		t.Run(fmt.Sprintf("data with %s", name), func(t *testing.T) {
			_, _, err := decodeMeta([]byte(data))
			require.ErrorIs(t, err, ErrInvalidMeta)
		})
	}
}

func FuzzDecodeMeta(f *testing.F) {
	for _, m := range []Meta{
		{}, {Cluster: "c", Roles: []string{"shard", "gateway"}, Level: 7, Load: Load{DiskFreeBytes: 1 << 50}},
	} {
		data, err := encodeMeta(m, m.Level > 0)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte("\x01\xc8\x01x\x04\x01z"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, leaving, err := decodeMeta(data)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidMeta)
			return
		}
		again, err := encodeMeta(m, leaving)
		require.NoError(t, err)
		got, gotLeaving, err := decodeMeta(again)
		require.NoError(t, err)
		require.Equal(t, m, got)
		require.Equal(t, leaving, gotLeaving)
	})
}
