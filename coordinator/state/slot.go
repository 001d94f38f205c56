package state

import "github.com/cespare/xxhash/v2"

// SlotOf gives the slot of a document id or routing key: the low 12 bits of its XXH64 with seed 0. It can
// never change, for documents are found by it.
func SlotOf(key string) int { return int(xxhash.Sum64String(key) % Slots) }
