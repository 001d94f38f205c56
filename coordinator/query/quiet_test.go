package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuiet(t *testing.T) {
	q := newQuiet()
	now := time.Unix(0, 0)
	_, ok := q.say("a", now)
	require.True(t, ok)
	for range 5 {
		_, ok = q.say("a", now.Add(quietFor/2))
		require.False(t, ok)
	}
	_, ok = q.say("b", now)
	require.True(t, ok, "another kind is told")
	left, ok := q.say("a", now.Add(quietFor))
	require.True(t, ok)
	require.Equal(t, 5, left)
	for i := range 3 * maxQuiet {
		q.say(fmt.Sprint(i), now)
	}
	require.LessOrEqual(t, len(q.said), maxQuiet)
}
