package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestCredential(t *testing.T) {
	c, err := NewCredential(rand.Reader)
	require.NoError(t, err)
	t.Run("round trip", func(t *testing.T) {
		require.Regexp(t, `^sgs_[a-z2-7]{16}_[a-z2-7]{52}$`, c.Text())
		again, err := ParseCredential(c.Text())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
	t.Run("what is printed has no secret", func(t *testing.T) {
		for _, text := range []string{fmt.Sprint(c), c.String(), fmt.Sprintf("%s", c), fmt.Sprintf("%+v", &c)} {
			require.NotContains(t, text, c.secret)
		}
	})
	t.Run("malformed ones are refused without being repeated", func(t *testing.T) {
		for _, text := range []string{
			"", "sgs", "sgs_", "sgs_" + c.ID, "sgs__" + c.secret, "sgs_" + c.ID + "_", c.Text() + "a", c.Text()[1:],
			strings.ToUpper(c.Text()), "sgs_" + c.ID + "_" + strings.Repeat("1", 52), "sgs_../../../../et_" + c.secret,
			"sgs_" + c.ID + "_" + c.secret[:51] + "_", "sgs_" + c.ID + "\r\n_" + c.secret,
		} {
			_, err := ParseCredential(text)
			require.ErrorIs(t, err, ErrUnauthenticated, text)
			require.NotContains(t, err.Error(), c.secret)
		}
	})
	t.Run("renewed it keeps its id", func(t *testing.T) {
		next, err := c.Renew(rand.Reader)
		require.NoError(t, err)
		require.Equal(t, c.ID, next.ID)
		require.NotEqual(t, c.secret, next.secret)
	})
	t.Run("no randomness, no key", func(t *testing.T) {
		_, err := NewCredential(iotest.ErrReader(errors.New("no entropy")))
		require.ErrorContains(t, err, "no entropy")
	})
}

func TestPepper(t *testing.T) {
	one, text, err := NewPepper(rand.Reader)
	require.NoError(t, err)
	two, _, err := NewPepper(rand.Reader)
	require.NoError(t, err)
	c, err := NewCredential(rand.Reader)
	require.NoError(t, err)
	again, err := ParsePepper(text + "\n")
	require.NoError(t, err)
	require.Equal(t, one.Hash(c), again.Hash(c))
	require.True(t, again.Is(c, one.Hash(c)))
	require.False(t, two.Is(c, one.Hash(c)))
	require.False(t, one.Is(c, ""))
	require.NotEqual(t, one.Fingerprint(), two.Fingerprint())
	other, err := c.Renew(rand.Reader)
	require.NoError(t, err)
	require.False(t, one.Is(other, one.Hash(c)))
	moved := other
	moved.ID = strings.Repeat("a", 16)
	require.False(t, one.Is(moved, one.Hash(other)), "the id is part of what is recognised")
	for _, text := range []string{"", "x", "====", base64.StdEncoding.EncodeToString(make([]byte, 31))} {
		_, err := ParsePepper(text)
		require.ErrorIs(t, err, ErrPepper)
	}
}

func FuzzParseCredential(f *testing.F) {
	c, err := NewCredential(bytes.NewReader(make([]byte, 64)))
	require.NoError(f, err)
	f.Add(c.Text())
	f.Add("sgs_a_b")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCredential(text)
		if err != nil {
			require.ErrorIs(t, err, ErrUnauthenticated)
			return
		}
		require.Equal(t, text, c.Text(), "one key has one text")
	})
}
