package replica

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// RequestID names a write request for as long as its caller may repeat it: of the requests with one id
// only the first is applied, by every replica alike, and a repetition gets the first one's results. The
// zero id is never given.
type RequestID [16]byte

// NewRequestID gives a random id.
func NewRequestID() (RequestID, error) {
	var id RequestID
	if _, err := rand.Read(id[:]); err != nil {
		return RequestID{}, fmt.Errorf("make request id: %w", err)
	}
	return id, nil
}

// part names the n-th piece of a request that is too large for one log entry. Pieces of one request are
// cut alike when it is repeated, for the cut depends on the writes alone.
func (id RequestID) part(n int) RequestID {
	low := binary.LittleEndian.Uint64(id[8:])
	binary.LittleEndian.PutUint64(id[8:], low+uint64(n))
	return id
}
