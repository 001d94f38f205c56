package snapshots

import (
	"fmt"
	"slices"
	"strings"

	"sagasu/internal/blob"
)

// ShardList names the files of a shard in a snapshot.
type ShardList struct {
	// Index is the UUID of the index, Shard the id of the shard, where it was taken.
	Index string `json:"index"`
	Shard string `json:"shard"`
	// Applied is the position in the shard's log.
	Applied uint64 `json:"applied"`
	// Catalog is how far the catalog had been told of the shard; nil if it had not begun.
	Catalog *CatalogPosition `json:"catalog,omitempty"`
	// Files ascend by path.
	Files []File `json:"files"`
}

// CatalogPosition is a position of the catalog in a shard: a catalog that was brought back to an earlier time is told
// the rest again from its own position, which it keeps; this one is to compare.
type CatalogPosition struct {
	// Version is the document version, Deletes the log index of deletes, up to which it was told.
	Version uint64 `json:"version"`
	Deletes uint64 `json:"deletes"`
}

// File is a file of a shard; its content is the object of its digest.
type File struct {
	// Path is relative to the replica, with slashes.
	Path string `json:"path"`
	Digest
}

// Encode gives the object.
func (l *ShardList) Encode() ([]byte, error) { return encodeFrame(magicShard, l) }

// DecodeShardList reads the list of a shard. It returns ErrNewerFormat or ErrFormat: paths are plain and lead nowhere
// else, sizes are bounded.
func DecodeShardList(data []byte) (*ShardList, error) {
	var l ShardList
	if err := decodeFrame(magicShard, data, &l); err != nil {
		return nil, fmt.Errorf("files of a shard: %w", err)
	}
	if len(l.Files) > maxFiles {
		return nil, fmt.Errorf("files of a shard: %w: %d of them", ErrFormat, len(l.Files))
	}
	total := int64(0)
	for i, f := range l.Files {
		if err := checkPath(f.Path); err != nil {
			return nil, fmt.Errorf("files of a shard: %w", err)
		}
		if i > 0 && l.Files[i-1].Path >= f.Path {
			return nil, fmt.Errorf("files of a shard: %w: they are out of order", ErrFormat)
		}
		if _, ok := f.content(maxFileBytes); !ok {
			return nil, fmt.Errorf("files of a shard: %w: size or digest of %.64q", ErrFormat, f.Path)
		}
		if total += f.Size; total > maxTotalBytes {
			return nil, fmt.Errorf("files of a shard: %w: more than %d bytes", ErrFormat, int64(maxTotalBytes))
		}
	}
	return &l, nil
}

// Bytes is the size of all files.
func (l *ShardList) Bytes() int64 {
	total := int64(0)
	for _, f := range l.Files {
		total += f.Size
	}
	return total
}

// checkPath refuses paths that are not those of a checkpoint: a directory that a replica has, and a plain name in it.
func checkPath(path string) error {
	dir, name, ok := strings.Cut(path, "/")
	plain := func(s string) bool {
		return s != "" && s[0] != '.' && !strings.ContainsFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
		})
	}
	known := dir == "sparse" || dir == "dense" || strings.HasPrefix(dir, "dense-")
	if !ok || len(path) > maxPathBytes || !plain(dir) || !plain(name) || !known {
		return fmt.Errorf("%w: path %.64q", ErrFormat, path)
	}
	return nil
}

// contents gives the digests of the files, each once.
func (l *ShardList) contents() []blob.Content {
	seen := map[blob.Content]bool{}
	var out []blob.Content
	for _, f := range l.Files {
		c, ok := f.content(maxFileBytes)
		if ok && !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

func sortFiles(files []File) {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}
