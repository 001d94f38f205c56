package main

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// op is an operation of a history, from one time to another.
func op(client int, from, to int64, in move, out seenMove) porcupine.Operation {
	return porcupine.Operation{ClientId: client, Input: in, Call: from, Output: out, Return: to}
}

func TestRegister(t *testing.T) {
	set := func(ifVersion uint64, value int64) move { return move{set: true, ifVersion: ifVersion, value: value} }
	first := op(0, 1, 2, set(0, 10), seenMove{version: 5})
	for name, c := range map[string]struct {
		ok      bool
		history []porcupine.Operation
	}{
		"a write is read": {true, []porcupine.Operation{first, op(1, 3, 4, move{}, seenMove{version: 5, value: 10})}},
		"a write is lost": {false, []porcupine.Operation{first, op(1, 3, 4, move{}, seenMove{})}},
		"nobody wrote what is read": {false, []porcupine.Operation{
			first, op(1, 3, 4, move{}, seenMove{version: 6, value: 11}),
		}},
		"one of two wins": {true, []porcupine.Operation{
			first, op(0, 3, 6, set(5, 11), seenMove{version: 7}),
			op(1, 3, 6, set(5, 12), seenMove{version: 7, conflict: true}),
		}},
		"both of two win": {false, []porcupine.Operation{
			first, op(0, 3, 6, set(5, 11), seenMove{version: 7}), op(1, 3, 6, set(5, 12), seenMove{version: 8}),
		}},
		"a conflict with nobody": {false, []porcupine.Operation{
			first, op(1, 3, 4, set(5, 11), seenMove{version: 5, conflict: true}),
		}},
		"a write of unknown outcome took place": {true, []porcupine.Operation{
			first, op(0, 3, forever, set(5, 11), seenMove{unknown: true}),
			op(1, 7, 8, move{}, seenMove{version: 9, value: 11}),
		}},
		"a write of unknown outcome did not take place": {true, []porcupine.Operation{
			first, op(0, 3, forever, set(5, 11), seenMove{unknown: true}),
			op(1, 7, 8, move{}, seenMove{version: 5, value: 10}),
		}},
		"a write of unknown outcome took place late": {true, []porcupine.Operation{
			first, op(0, 3, forever, set(5, 11), seenMove{unknown: true}),
			op(1, 7, 8, move{}, seenMove{version: 5, value: 10}), op(1, 9, 10, move{}, seenMove{version: 9, value: 11}),
		}},
		"a write of unknown outcome is taken back": {false, []porcupine.Operation{
			first, op(0, 3, forever, set(5, 11), seenMove{unknown: true}),
			op(1, 7, 8, move{}, seenMove{version: 9, value: 11}), op(1, 9, 10, move{}, seenMove{version: 5, value: 10}),
		}},
		"a version is given twice": {false, []porcupine.Operation{
			first, op(0, 3, forever, set(5, 11), seenMove{unknown: true}),
			op(1, 7, 8, move{}, seenMove{version: 5, value: 11}),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.ok, porcupine.CheckOperations(register(), clients(c.history)))
		})
	}
}
