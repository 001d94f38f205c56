package consensus

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvelope(t *testing.T) {
	p := Proposal{Type: 7, Version: 3, MinReader: 1, Flags: FlagIgnorable, Key: [16]byte{1, 2}, Payload: []byte("text")}
	for _, want := range []envelope{
		{Proposal: p},
		{Proposal: p, stamp: checkpoint{512, 99}},
		{Proposal: Proposal{Payload: []byte{}}},
	} {
		got, err := decodeEnvelope(want.encode(nil))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	t.Run("any changed bit is noticed", func(t *testing.T) {
		data := (&envelope{Proposal: p, stamp: checkpoint{512, 99}}).encode(nil)
		for bit := range len(data) * 8 {
			data[bit/8] ^= 1 << (bit % 8)
			_, err := decodeEnvelope(data)
			require.ErrorIs(t, err, ErrEnvelope)
			data[bit/8] ^= 1 << (bit % 8)
		}
	})
}

func TestReference(t *testing.T) {
	want := reference{command: 5, durable: 9, hash: 77}
	raw := want.encode()
	got, err := decodeReference(raw)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for i := range raw {
		raw[i] ^= 0x10
		_, err := decodeReference(raw)
		require.ErrorIs(t, err, ErrReference)
		raw[i] ^= 0x10
	}
}

func FuzzEnvelope(f *testing.F) {
	e := envelope{Proposal: Proposal{Type: 1, Key: [16]byte{9}, Payload: []byte("x")}}
	f.Add(e.encode(nil), true)
	e.stamp = checkpoint{3, 4}
	f.Add(e.encode(nil), true)
	f.Add([]byte("short"), false)
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend && len(data) >= 4 { // to get past the checksum
			sum := envelopeCRC(data[4:])
			data = append([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}, data[4:]...)
		}
		e, err := decodeEnvelope(data)
		if err != nil {
			require.True(t, errors.Is(err, ErrEnvelope) || errors.Is(err, ErrUnreadable))
			return
		}
		require.Equal(t, data, e.encode(nil))
	})
}

func TestWindow(t *testing.T) {
	key := func(b byte) [16]byte { return [16]byte{b} }
	t.Run("a key is a duplicate for as many entries as the window is wide", func(t *testing.T) {
		for distance, want := range map[uint64]bool{1: true, DedupWindow: true, DedupWindow + 1: false} {
			w := newWindow()
			_, duplicate := w.see(10, key(1))
			require.False(t, duplicate)
			_, duplicate = w.see(10+distance, key(1))
			require.Equal(t, want, duplicate, "at a distance of %d", distance)
		}
	})
	t.Run("a duplicate renews its key", func(t *testing.T) {
		w := newWindow()
		w.see(10, key(1))
		w.setResult(key(1), "first")
		w.see(DedupWindow, key(1))
		before, duplicate := w.see(DedupWindow+100, key(1))
		require.True(t, duplicate)
		require.Equal(t, remembered{last: DedupWindow, index: 10, result: "first", known: true}, before)
	})
	t.Run("no key is no duplicate", func(t *testing.T) {
		w := newWindow()
		for i := range uint64(3) {
			_, duplicate := w.see(i, [16]byte{})
			require.False(t, duplicate)
		}
	})
	t.Run("any stretch of the log gives the window of the whole log", func(t *testing.T) {
		whole := newWindow()
		keyOf := func(i uint64) [16]byte { return [16]byte{byte(i * i % 251), byte(i % 7), 1} }
		for i := uint64(1); i <= 3*DedupWindow; i++ {
			whole.see(i, keyOf(i))
		}
		part := newWindow()
		for i := uint64(2*DedupWindow + 1); i <= 3*DedupWindow; i++ {
			part.see(i, keyOf(i))
		}
		for i := uint64(3*DedupWindow + 1); i <= 3*DedupWindow+500; i++ {
			_, want := whole.see(i, keyOf(i*3))
			_, got := part.see(i, keyOf(i*3))
			require.Equal(t, want, got, "at %d", i)
		}
	})
}

func TestConfig(t *testing.T) {
	require.NoError(t, soloConfig("dir").Validate())
	for field, change := range map[string]func(*Config){
		"ID":                func(c *Config) { c.ID = "" },
		"Dir":               func(c *Config) { c.Dir = "" },
		"Group":             func(c *Config) { c.Group = "" },
		"Logger":            func(c *Config) { c.Logger = nil },
		"DiskStallLimit":    func(c *Config) { c.DiskStallLimit = 0 },
		"LeaderLease":       func(c *Config) { c.LeaderLease = c.HeartbeatTimeout + 1 },
		"ElectionTimeout":   func(c *Config) { c.ElectionTimeout = c.HeartbeatTimeout - 1 },
		"SnapshotThreshold": func(c *Config) { c.SnapshotThreshold = 0 },
		"HashEvery":         func(c *Config) { c.HashEvery = 0 },
		"RestoreDir": func(c *Config) {
			c.Fetch = func(context.Context, string, string) (uint64, error) { return 0, nil }
		},
		"Members": func(c *Config) { c.Members = make([]Member, 3) },
	} {
		cfg := soloConfig("dir")
		change(&cfg)
		err := cfg.Validate()
		require.ErrorIs(t, err, ErrInvalidConfig)
		require.ErrorContains(t, err, field)
	}
}
