package milvus

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sagasu/api"
	"sagasu/internal/dense"
)

// A row's key is its document's id and version: the id, "@" and sixteen hexadecimal digits. So a vector that comes
// late is a row of its own, and never takes the place of a newer one.

// versionDigits is the length of a version in a key, with the mark before it.
const versionDigits = 17

// escapes keep NUL out of stored ids, since Milvus's index of strings ends them there.
var (
	escapeID   = strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02")
	unescapeID = strings.NewReplacer("\x01\x01", "\x00", "\x01\x02", "\x01")
)

// storedID is the id as it is stored.
func storedID(id string) string { return escapeID.Replace(id) }

// rowKey is the key of a document's row.
func rowKey(id string, version int64) string {
	return fmt.Sprintf("%s@%016x", storedID(id), uint64(version))
}

// parseKey is the inverse of rowKey. It returns dense.ErrIncomplete for what is no key.
func parseKey(key string) (dense.Key, error) {
	at := len(key) - versionDigits
	if at < 1 || key[at] != '@' {
		return dense.Key{}, fmt.Errorf("%w: %q is no key of a row", dense.ErrIncomplete, key)
	}
	version, err := strconv.ParseUint(key[at+1:], 16, 63)
	if err != nil {
		return dense.Key{}, fmt.Errorf("%w: %q is no key of a row", dense.ErrIncomplete, key)
	}
	return dense.Key{ID: unescapeID.Replace(key[:at]), Version: version}, nil
}

// checkID returns ErrID for an id that a collection can't hold.
func checkID(id string) error {
	if id == "" || len(id) > api.MaxIDBytes || !utf8.ValidString(id) {
		return fmt.Errorf("%w: it has %d bytes, allowed are 1 to %d of valid UTF-8", ErrID, len(id), api.MaxIDBytes)
	}
	return nil
}
