package api

import (
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Slots is the number of slots that an index's documents are hashed to. It can never change.
const Slots = 4096

// SlotOf gives the slot of a document id or routing key: the low 12 bits of its XXH64 with seed 0. It can
// never change, for documents are found by it.
func SlotOf(key string) int { return int(xxhash.Sum64String(key) % Slots) }

// passageMark stands between the id of a document and the position of one of its passages.
const passageMark = '#'

// maxPassageDigits bounds the position of a passage.
const maxPassageDigits = 6

// RoutingKey is what decides on which shard a document is: its id, or for a passage that of the document it
// is a part of, so that all passages of one lie together.
func (s *Schema) RoutingKey(id string) string {
	if s.Passages == nil {
		return id
	}
	if parent, _, ok := SplitPassageID(id); ok {
		return parent
	}
	return id
}

// PassageID names the passage at a position, from 0 on, of a document.
func PassageID(parent string, position int) string {
	return parent + string(passageMark) + strconv.Itoa(position)
}

// SplitPassageID is the inverse of PassageID; false for an id that PassageID does not give.
func SplitPassageID(id string) (parent string, position int, ok bool) {
	at := strings.LastIndexByte(id, passageMark)
	if at < 1 {
		return "", 0, false
	}
	digits := id[at+1:]
	if digits == "" || len(digits) > maxPassageDigits || digits[0] == '0' && len(digits) > 1 {
		return "", 0, false
	}
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return "", 0, false
		}
		position = 10*position + int(d-'0')
	}
	return id[:at], position, true
}
