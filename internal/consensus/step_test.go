package consensus

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNextStep(t *testing.T) {
	yes := func(string) bool { return true }
	members := func(ids ...string) []Server {
		var all []Server
		for _, id := range ids {
			all = append(all, Server{ID: id, Voter: true})
		}
		return all
	}
	t.Run("adds before it removes", func(t *testing.T) {
		require.Equal(t, Step{StepAdd, "d"}, NextStep(members("a", "b", "c"), []string{"a", "b", "d"}, "a", yes))
	})
	t.Run("waits until the new one is up to date", func(t *testing.T) {
		all := append(members("a", "b", "c"), Server{ID: "d"})
		want := []string{"a", "b", "d"}
		require.Equal(t, Step{}, NextStep(all, want, "a", func(string) bool { return false }))
		require.Equal(t, Step{StepPromote, "d"}, NextStep(all, want, "a", yes))
	})
	t.Run("one that is away keeps nobody else waiting", func(t *testing.T) {
		all := append(members("a"), Server{ID: "away"}, Server{ID: "d"})
		next := NextStep(all, []string{"a", "away", "d"}, "a", func(node string) bool { return node == "d" })
		require.Equal(t, Step{StepPromote, "d"}, next)
	})
	t.Run("the leader hands over instead of removing itself", func(t *testing.T) {
		require.Equal(t, Step{StepHandOver, "b"}, NextStep(members("a", "b", "c"), []string{"b", "c"}, "a", yes))
		require.Equal(t, Step{StepRemove, "a"}, NextStep(members("a", "b", "c"), []string{"b", "c"}, "b", yes))
	})
	t.Run("does nothing without a wish", func(t *testing.T) {
		require.Equal(t, Step{}, NextStep(members("a"), nil, "a", yes))
	})
}

// TestStepsReachTheWish takes steps from any membership to any wish, the leader changing where it hands over.
func TestStepsReachTheWish(t *testing.T) {
	nodes := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SliceOfNDistinct(rapid.SampledFrom(nodes), 1, 5, rapid.ID[string]).Draw(t, "members")
		want := rapid.SliceOfNDistinct(rapid.SampledFrom(nodes), 1, 5, rapid.ID[string]).Draw(t, "want")
		leader := start[0]
		var members []Server
		for _, id := range start {
			members = append(members, Server{ID: id, Voter: true})
		}
		fewest := min(len(start), len(want))
		for range 30 {
			next := NextStep(members, want, leader, func(string) bool { return true })
			at := slices.IndexFunc(members, func(s Server) bool { return s.ID == next.Node })
			switch next.Kind {
			case StepNone:
				var voters []string
				for _, s := range members {
					require.True(t, s.Voter)
					voters = append(voters, s.ID)
				}
				require.ElementsMatch(t, want, voters)
				return
			case StepAdd:
				members = append(members, Server{ID: next.Node})
			case StepPromote:
				members[at].Voter = true
			case StepRemove:
				require.NotEqual(t, leader, next.Node)
				members = slices.Delete(members, at, at+1)
			case StepHandOver:
				require.True(t, members[at].Voter)
				leader = next.Node
			}
			voters := 0
			for _, s := range members {
				if s.Voter {
					voters++
				}
			}
			require.GreaterOrEqual(t, voters, fewest, "never fewer copies than before or after")
		}
		t.Fatal("no end")
	})
}
