package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestShardRows(t *testing.T) {
	rows := shardRows([]api.ShardStatus{{
		Index: "papers", Ordinal: 1, Health: api.HealthYellow, FromSlot: 2048, ToSlot: 4096, WantedReplicas: 3,
		Replicas: []api.ReplicaStatus{
			{Node: "a", State: "leader", Applied: 12, Documents: 7, Bytes: 3 << 20},
			{Node: "b", State: "unreachable", Error: "node is unreachable\nand more"},
		},
	}})
	require.Equal(t, [][]string{
		{"papers", "1", "yellow", "2048-4095", "a", "leader", "12", "7", "0", "3.0 MiB"},
		{"", "", "", "", "b", "unreachable: node is unreachable and more", "0", "0", "0", "0 B"},
		{"", "", "", "", "-", "waits for a node", "", "", "", ""},
	}, rows)
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 3 << 50: "3072.0 TiB",
	} {
		require.Equal(t, want, byteSize(n))
	}
}

func TestSince(t *testing.T) {
	require.Equal(t, "-", since(0))
	for ago, want := range map[time.Duration]string{
		30 * time.Second: "30s", 5 * time.Minute: "5m", 5 * time.Hour: "5h", 72 * time.Hour: "3d", -time.Hour: "0s",
	} {
		require.Equal(t, want, since(time.Now().Add(-ago).UnixMilli()))
	}
}

func TestVersionFinding(t *testing.T) {
	require.Equal(t, resultOK, versionFinding([]api.NodeInfo{{ID: "a", Version: "1"}, {ID: "b", Version: "1"}}).Result)
	mixed := versionFinding([]api.NodeInfo{{ID: "a", Version: "1"}, {ID: "b", Version: "2"}})
	require.Equal(t, resultWarning, mixed.Result)
	require.NotEmpty(t, mixed.Remedy)
}

func TestDoctorWithoutAServer(t *testing.T) {
	dir := t.TempDir()
	var out, messages bytes.Buffer
	code := run(t.Context(), []string{"doctor", "--server", "http://127.0.0.1:1", "--data-dir", dir}, nil,
		strings.NewReader(""), &out, &messages)
	require.Equal(t, exitFailure, code)
	require.Contains(t, out.String(), "4 KiB to stable storage takes")
	require.Contains(t, out.String(), "-> start a node, or name one that runs with --server")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "what was written to time the disk is removed")
}

func TestGossipKey(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	key, err := readGossipKey(write(base64.StdEncoding.EncodeToString(make([]byte, gossipKeyBytes)) + "\n"))
	require.NoError(t, err)
	require.Len(t, key, gossipKeyBytes)
	for _, text := range []string{"", "not base64!", base64.StdEncoding.EncodeToString(make([]byte, 16))} {
		_, err := readGossipKey(write(text))
		require.ErrorContains(t, err, "make one with")
	}
	_, err = readGossipKey("/nowhere/key")
	require.ErrorContains(t, err, "gossip-key-file")
}

func TestClusterSettings(t *testing.T) {
	for name, c := range map[string]struct{ args, want string }{
		"unknown role":          {"--role archivist", `"archivist" is none of`},
		"no role":               {"--role ,", "is empty"},
		"even founders":         {"--coordinators 2", "must be 1, 3 or 5"},
		"bad address to join":   {"--join a:b:c", "a:b:c"},
		"rpc beyond loopback":   {"--rpc-addr :7947", "--insecure"},
		"gossip beyond it":      {"--gossip-addr 0.0.0.0:7946", "--insecure"},
		"address without port":  {"--rpc-addr somewhere", "is no address"},
		"key file that is none": {"--rpc-addr 127.0.0.1:0 --gossip-key-file /nowhere", "gossip-key-file"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, messages bytes.Buffer
			args := append([]string{
				"serve", "--data-dir", t.TempDir(), "--http-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0",
			}, strings.Fields(c.args)...)
			code := run(t.Context(), args, nil, strings.NewReader(""), &out, &messages)
			require.Equal(t, exitUsage, code, messages.String())
			require.Contains(t, messages.String(), c.want)
		})
	}
}

func TestRecoverRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no directory": {[]string{"recover"}, exitUsage, "--data-dir is not set"},
		"no data directory": {
			[]string{"recover", "--data-dir", t.TempDir(), "--group", "meta"}, exitUsage, "not a data directory",
		},
		"a directory missing": {[]string{"recover", "--data-dir", "/nowhere", "--group", "meta"}, exitUsage, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, messages bytes.Buffer
			code := run(t.Context(), c.args, nil, strings.NewReader(""), &out, &messages)
			require.Equal(t, c.code, code, messages.String())
			require.Contains(t, messages.String(), c.want)
		})
	}
}
