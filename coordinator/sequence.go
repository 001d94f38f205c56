package coordinator

import (
	"fmt"
	"strconv"
	"strings"

	"sagasu/api"
	"sagasu/coordinator/state"
)

// A sequence token says up to where a search must see a shard: the first characters of the index's UUID, the
// shard's ordinal, and an index of its log, as "1f0c9a2b-3-417". Clients treat it as opaque.
const tokenUUID = 8

// token gives the sequence token of a write.
func token(x *state.Index, ordinal int, index uint64) string {
	return x.UUID[:min(tokenUUID, len(x.UUID))] + "-" + strconv.Itoa(ordinal) + "-" + strconv.FormatUint(index, 10)
}

// readTokens gives the highest log index by shard; a *api.Problem names a token that is none, or is of
// another index.
func readTokens(x *state.Index, tokens []string) (map[int]uint64, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	out := map[int]uint64{}
	for i, text := range tokens {
		ordinal, index, err := readToken(x, text)
		if err != nil {
			return nil, api.NewProblem(api.ProblemRequest, 400, "sequence["+strconv.Itoa(i)+"]", "%v", err)
		}
		out[ordinal] = max(out[ordinal], index)
	}
	return out, nil
}

func readToken(x *state.Index, text string) (ordinal int, index uint64, err error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return 0, 0, fmt.Errorf("%.64q is no sequence of a write", text)
	}
	at, err := strconv.ParseUint(parts[1], 10, 31)
	if err == nil {
		index, err = strconv.ParseUint(parts[2], 10, 63)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%.64q is no sequence of a write", text)
	}
	ordinal = int(at)
	// All of what token gives must be there: of less, another index could have as much in common.
	if parts[0] != x.UUID[:min(tokenUUID, len(x.UUID))] || ordinal >= len(x.Shards) {
		return 0, 0, fmt.Errorf("%.64q is the sequence of a write to another index than %q", text, x.Name)
	}
	return ordinal, index, nil
}
