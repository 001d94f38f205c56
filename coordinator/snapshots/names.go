package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// The names of a repository's objects. They are made of ids and digests alone: nothing that users choose is in them.
const (
	markName        = "repository"
	manifestPrefix  = "snapshots/"
	shardPrefix     = "shards/"
	blobPrefix      = "blobs/"
	maxIDBytes      = 40
	snapshotIDBytes = 16 // in hexadecimal digits
)

func manifestName(id string) string { return manifestPrefix + id }

func shardName(sum [sha256.Size]byte) string { return digestName(shardPrefix, sum) }

func blobName(sum [sha256.Size]byte) string { return digestName(blobPrefix, sum) }

// digestName spreads objects over 256 directories.
func digestName(prefix string, sum [sha256.Size]byte) string {
	text := hex.EncodeToString(sum[:])
	return prefix + text[:2] + "/" + text
}

// digestOf is the reverse of digestName; false for another name.
func digestOf(prefix, name string) (sum [sha256.Size]byte, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return sum, false
	}
	_, text, ok := strings.Cut(rest, "/")
	if !ok {
		return sum, false
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(sum) {
		return sum, false
	}
	sum = [sha256.Size]byte(data)
	return sum, digestName(prefix, sum) == name
}

// CheckID returns ErrNotFound for what can't be the id of a snapshot.
func CheckID(id string) error {
	if id == "" || len(id) > maxIDBytes || strings.ContainsFunc(id, notOfID) || id[0] == '-' {
		return fmt.Errorf("snapshot %.64q: %w", id, ErrNotFound)
	}
	return nil
}

func notOfID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}
