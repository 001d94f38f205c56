package gossip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fixed are sources that know one of each.
func fixed() joinSources {
	return joinSources{
		hosts: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "nodes.example" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{
				netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.2"), netip.MustParseAddr("fd00::3"),
			}, nil
		},
		services: func(_ context.Context, name string) ([]*net.SRV, error) {
			if name != "_gossip._tcp.example" {
				return nil, errors.New("no such service")
			}
			return []*net.SRV{{Target: "n1.example.", Port: 7946}, {Target: "n2.example.", Port: 17946}}, nil
		},
		read: func(path string) (string, error) {
			if path != "/etc/seeds" {
				return "", errors.New("no such file " + path)
			}
			return "# the seeds\n10.0.0.1\r\n\n n4:1 # the fourth\nfile:/etc/seeds\ndns+nodes.example\nn5:0\n", nil
		},
	}
}

func TestParseJoin(t *testing.T) {
	for _, c := range []struct {
		entry string
		want  string
		fails string
	}{
		{"n1:123", "n1:123", ""},
		{" n1 ", "n1:7946", ""},
		{"10.0.0.1", "10.0.0.1:7946", ""},
		{"fd00::1", "[fd00::1]:7946", ""},
		{"[fd00::1]:5", "[fd00::1]:5", ""},
		{"dns+nodes.example:5", "10.0.0.1:5 10.0.0.2:5 [fd00::3]:5", ""},
		{"dns+nodes.example", "10.0.0.1:7946 10.0.0.2:7946 [fd00::3]:7946", ""},
		{"dns+gone.example", "", "look up join addresses of gone.example: no such host"},
		{"dnssrv+_gossip._tcp.example", "n1.example:7946 n2.example:17946", ""},
		{"dnssrv+gone.example", "", "look up join services of gone.example"},
		{
			"file:/etc/seeds", "10.0.0.1:7946 n4:1 10.0.0.2:7946 [fd00::3]:7946",
			"read join file /etc/seeds: line 5: invalid join entry \"file:/etc/seeds\"",
		},
		{"file:/etc/seeds", "10.0.0.1:7946 n4:1 10.0.0.2:7946 [fd00::3]:7946", "line 7"},
		{"file:/gone", "", "read join file: no such file /gone"},
	} {
		t.Run(c.entry, func(t *testing.T) {
			join, err := parseJoin([]string{c.entry}, fixed())
			require.NoError(t, err)
			got, err := join()
			require.Equal(t, c.want, strings.Join(got, " "))
			if c.fails == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.fails)
			}
		})
	}
}

func TestParseJoinOfSeveral(t *testing.T) {
	join, err := parseJoin([]string{"dns+gone.example", "n2", "n1", "n2:7946"}, fixed())
	require.NoError(t, err)
	got, err := join()
	require.Equal(t, []string{"n2:7946", "n1:7946"}, got)
	require.ErrorContains(t, err, "gone.example")

	join, err = ParseJoin(nil)
	require.NoError(t, err)
	got, err = join()
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestParseJoinRefuses(t *testing.T) {
	for _, entry := range []string{
		"", ":7946", "n1:", "n1:0", "n1:65536", "n1:x", "http://n1", "n1/n2", "n1,n2", "a b", "-n", "[fd00::1]", "[fd00::1",
		"dns+", "dns+:5", "dns+n1:0", "dnssrv+", "dnssrv+n1:5", "file:", strings.Repeat("n", 254), "n1:1:1",
	} {
		t.Run(entry, func(t *testing.T) {
			_, err := ParseJoin([]string{"n1", entry})
			require.ErrorIs(t, err, ErrJoinEntry)
			require.ErrorContains(t, err, entry)
		})
	}
}

func TestParseJoinOfRealSources(t *testing.T) {
	join, err := ParseJoin([]string{"dns+localhost:5", "file:" + filepath.Join(t.TempDir(), "gone")})
	require.NoError(t, err)
	got, err := join()
	require.Contains(t, got, "127.0.0.1:5")
	require.ErrorContains(t, err, "gone")
}

func FuzzParseJoin(f *testing.F) {
	for _, entry := range []string{"n1:1", "dns+n1", "dnssrv+n1", "file:/x", "[::1]:5", "::1"} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		join, err := parseJoin([]string{entry}, fixed())
		if err != nil {
			require.ErrorIs(t, err, ErrJoinEntry)
			return
		}
		addresses, _ := join()
		for _, a := range addresses {
			_, _, err := net.SplitHostPort(a)
			require.NoError(t, err)
		}
	})
}
