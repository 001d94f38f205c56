package rpc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// sampleErrors has every kind of error that travels.
func sampleErrors() []error {
	all := []error{
		&NotLeaderError{Leader: "n2", Term: 7}, &NotLeaderError{Term: 7}, &EpochError{Epoch: 9},
		&NoShardError{Shard: "0b5e-3", Version: 12},
		&api.Problem{Type: api.ProblemQuery, Title: "Invalid query", Status: 400, Detail: "is empty", Field: "query"},
	}
	for _, s := range sentinels() {
		all = append(all, fmt.Errorf("do it: %w: and more", s.err))
	}
	return all
}

// travel brings an error to another node and back.
func travel(err error) error {
	var f *Failure
	if !errors.As(toFailure(err), &f) {
		return err
	}
	return fromFailure(fmt.Errorf("call node: %w", &Failure{Code: f.Code, Message: f.Message, Detail: f.Detail}))
}

func TestErrorsTravel(t *testing.T) {
	for _, err := range sampleErrors() {
		t.Run(err.Error(), func(t *testing.T) {
			got := travel(err)
			require.Equal(t, err.Error(), got.Error())
			for _, s := range sentinels() {
				require.Equal(t, errors.Is(err, s.err), errors.Is(got, s.err), "%v", s.err)
			}
		})
	}
	t.Run("typed errors keep what they hold", func(t *testing.T) {
		var leader *NotLeaderError
		require.ErrorAs(t, travel(fmt.Errorf("write: %w", &NotLeaderError{"n2", 7})), &leader)
		require.Equal(t, &NotLeaderError{"n2", 7}, leader)
		require.ErrorIs(t, leader, replica.ErrNotLeader)
		require.ErrorIs(t, leader, api.ErrUnavailable)
		var epoch interface{ StaleEpoch() uint64 }
		require.ErrorAs(t, travel(&EpochError{9}), &epoch)
		require.Equal(t, uint64(9), epoch.StaleEpoch())
		var shard *NoShardError
		require.ErrorAs(t, travel(&NoShardError{"x", 3}), &shard)
		require.Equal(t, &NoShardError{"x", 3}, shard)
		var problem *api.Problem
		want := api.NewProblem(api.ProblemQuery, 400, "query.bool", "is empty")
		require.ErrorAs(t, travel(want), &problem)
		require.Equal(t, want, problem)
	})
	t.Run("an error that is several things stays all of them", func(t *testing.T) {
		err := travel(fmt.Errorf("vector: %w: %w", replica.ErrWrite, dense.ErrDimension))
		require.ErrorIs(t, err, replica.ErrWrite)
		require.ErrorIs(t, err, dense.ErrDimension)
		err = travel(fmt.Errorf("%w: %w", dense.ErrTimeout, context.DeadlineExceeded))
		require.ErrorIs(t, err, dense.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("whether a write may have happened comes first", func(t *testing.T) {
		err := fmt.Errorf("%w: %w", &NotLeaderError{"n2", 7}, api.ErrUnknownOutcome)
		var f *Failure
		require.ErrorAs(t, toFailure(err), &f)
		require.Equal(t, uint16(0x0121), f.Code)
		require.ErrorIs(t, travel(err), replica.ErrNotLeader)
	})
	t.Run("a context's error is left to the layer below", func(t *testing.T) {
		err := fmt.Errorf("search: %w", context.DeadlineExceeded)
		require.Equal(t, err, toFailure(err))
	})
	t.Run("an error of no kind keeps its text", func(t *testing.T) {
		err := travel(errors.New("disk on fire"))
		require.EqualError(t, err, "disk on fire")
		require.NotErrorIs(t, err, api.ErrUnavailable)
	})
	t.Run("errors that are no failures pass through", func(t *testing.T) {
		require.Equal(t, os.ErrClosed, fromFailure(os.ErrClosed))
	})
	t.Run("the code is enough where the detail can't be read", func(t *testing.T) {
		for _, detail := range [][]byte{nil, {9, 1, 2}, {1, 200}} {
			err := fromFailure(&Failure{Code: 0x0130, Message: "bad", Detail: detail})
			require.ErrorIs(t, err, sparse.ErrQuery)
		}
	})
	t.Run("a code of a newer node is only text", func(t *testing.T) {
		err := fromFailure(&Failure{Code: 0x0fff, Message: "new"})
		require.EqualError(t, err, "new")
	})
	t.Run("long texts are cut between characters", func(t *testing.T) {
		err := travel(fmt.Errorf("%w: %s", sparse.ErrQuery, strings.Repeat("地", maxMessageBytes)))
		require.LessOrEqual(t, len(err.Error()), maxMessageBytes)
		require.True(t, strings.HasSuffix(err.Error(), "地"))
	})
	t.Run("details are short whatever an error holds", func(t *testing.T) {
		long := strings.Repeat("x", 1<<20)
		err := errors.Join(&NotLeaderError{Leader: long}, &NoShardError{Shard: long},
			api.NewProblem(api.ProblemQuery, 400, long, "%s", long))
		var f *Failure
		require.ErrorAs(t, toFailure(err), &f)
		require.Less(t, len(f.Detail), 16<<10)
		var problem *api.Problem
		require.ErrorAs(t, travel(err), &problem)
		require.Len(t, problem.Detail, maxMessageBytes)
	})
	t.Run("no code is used twice", func(t *testing.T) {
		seen := map[uint16]bool{codeOther: true, codeNotLeader: true, codeEpoch: true, codeNoShard: true, codeProblem: true}
		for _, s := range sentinels() {
			require.False(t, seen[s.code], "%#x", s.code)
			seen[s.code] = true
		}
	})
}
