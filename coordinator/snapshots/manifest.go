package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"sagasu/api"
	"sagasu/internal/blob"
)

// Manifest says what a snapshot consists of. It is written last: what it names is there.
type Manifest struct {
	ID string `json:"id"`
	// Cluster is the id of the cluster, Program the version of the program that took it.
	Cluster string `json:"cluster"`
	Program string `json:"program,omitempty"`
	// Schedule is the name of the schedule that asked for it; empty for a person.
	Schedule string `json:"schedule,omitempty"`
	// CreatedMillis is when it was begun, CutBeganMillis and CutEndedMillis enclose the time in which the shards were
	// cut, all in milliseconds since 1970 UTC. What was acknowledged before CutBeganMillis is in it, what was sent
	// after CutEndedMillis is not.
	CreatedMillis  int64 `json:"created_millis"`
	CutBeganMillis int64 `json:"cut_began_millis"`
	CutEndedMillis int64 `json:"cut_ended_millis"`
	// MetadataVersion is that of the metadata which the indexes, aliases and settings are of.
	MetadataVersion uint64 `json:"metadata_version"`
	FeatureLevel    uint32 `json:"feature_level"`
	// Indexes ascend by name.
	Indexes []IndexPart `json:"indexes"`
	// Settings are those of the cluster, for somebody who wants to know; a restore does not set them.
	Settings map[string]string `json:"settings,omitempty"`
}

// IndexPart is an index in a snapshot.
type IndexPart struct {
	Name string `json:"name"`
	// UUID is that of the index; a restored one gets another.
	UUID          string     `json:"uuid"`
	Schema        api.Schema `json:"schema"`
	CreatedMillis int64      `json:"created_millis"`
	Replicas      int        `json:"replicas"`
	// Aliases are those that led to it.
	Aliases []string `json:"aliases,omitempty"`
	// Next, Retired and LastGeneration are those of state.Index.
	Next           *api.DenseConfig `json:"next,omitempty"`
	Retired        []int            `json:"retired,omitempty"`
	LastGeneration int              `json:"last_generation,omitempty"`
	// Shards ascend by slots and hold each once.
	Shards []ShardPart `json:"shards"`
}

// ShardPart is a shard in a snapshot.
type ShardPart struct {
	// From and To are its slots, the latter exclusive.
	From int `json:"from"`
	To   int `json:"to"`
	// Applied is the position in the shard's log: everything up to it is in the files, nothing after it.
	Applied uint64 `json:"applied"`
	// Documents counts those that can be found, passages of their own included.
	Documents int `json:"documents"`
	// Files and Bytes are of all its files.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// List is the object that names the files; see ShardList.
	List Digest `json:"list"`
}

// Digest is blob.Content as it is written.
type Digest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func digest(c blob.Content) Digest {
	return Digest{Size: c.Size, SHA256: hex.EncodeToString(c.SHA256[:])}
}

// content gives what is written, false if it can't be.
func (d Digest) content(most int64) (blob.Content, bool) {
	sum, err := hex.DecodeString(d.SHA256)
	if err != nil || len(sum) != sha256.Size || d.Size < 0 || d.Size > most {
		return blob.Content{}, false
	}
	return blob.Content{Size: d.Size, SHA256: [sha256.Size]byte(sum)}, true
}

// Encode gives the object.
func (m *Manifest) Encode() ([]byte, error) { return encodeFrame(magicManifest, m) }

// DecodeManifest reads a manifest of the snapshot of that id. It returns ErrNewerFormat or ErrFormat: what it gives can
// be relied on, though schemas are held to their rules by who uses them.
func DecodeManifest(id string, data []byte) (*Manifest, error) {
	var m Manifest
	if err := decodeFrame(magicManifest, data, &m); err != nil {
		return nil, fmt.Errorf("manifest of snapshot %.64q: %w", id, err)
	}
	if m.ID != id {
		return nil, fmt.Errorf("manifest of snapshot %.64q: %w: it is that of %.64q", id, ErrFormat, m.ID)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest of snapshot %.64q: %w", id, err)
	}
	return &m, nil
}

func (m *Manifest) check() error {
	if len(m.Indexes) > maxSnapshotIndexes {
		return fmt.Errorf("%w: %d indexes", ErrFormat, len(m.Indexes))
	}
	if m.CutEndedMillis < m.CutBeganMillis || m.CreatedMillis < 0 {
		return fmt.Errorf("%w: its times can't be", ErrFormat)
	}
	for i := range m.Indexes {
		x := &m.Indexes[i]
		if i > 0 && m.Indexes[i-1].Name >= x.Name {
			return fmt.Errorf("%w: indexes are out of order", ErrFormat)
		}
		if err := x.check(); err != nil {
			return fmt.Errorf("index %.128q: %w", x.Name, err)
		}
	}
	return nil
}

func (x *IndexPart) check() error {
	if err := api.CheckIndexName(x.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if x.UUID == "" || len(x.UUID) > maxPathBytes || len(x.Shards) == 0 || len(x.Shards) > maxShardsOfIndex ||
		x.LastGeneration < 0 || x.LastGeneration > math.MaxInt32 {
		return fmt.Errorf("%w: uuid, shards or generation can't be", ErrFormat)
	}
	for _, alias := range x.Aliases {
		if err := api.CheckIndexName(alias); err != nil {
			return fmt.Errorf("%w: alias: %w", ErrFormat, err)
		}
	}
	next := 0
	for i := range x.Shards {
		s := &x.Shards[i]
		if s.From != next || s.To <= s.From || s.To > api.Slots {
			return fmt.Errorf("%w: shards don't hold each slot once", ErrFormat)
		}
		next = s.To
		_, ok := s.List.content(maxShardBytes)
		if !ok || s.Bytes < 0 || s.Bytes > maxTotalBytes || s.Files < 0 || s.Files > maxFiles || s.Documents < 0 {
			return fmt.Errorf("%w: shard %d is larger than one can be", ErrFormat, i)
		}
	}
	if next != api.Slots {
		return fmt.Errorf("%w: shards don't hold each slot once", ErrFormat)
	}
	return nil
}

// Index gives the index of a name, nil if the snapshot has none.
func (m *Manifest) Index(name string) *IndexPart {
	for i := range m.Indexes {
		if m.Indexes[i].Name == name {
			return &m.Indexes[i]
		}
	}
	return nil
}

// Sum gives what the snapshot's shards add up to.
func (m *Manifest) Sum() (shards, documents int, bytes int64) {
	for i := range m.Indexes {
		for _, s := range m.Indexes[i].Shards {
			shards++
			documents += s.Documents
			bytes += s.Bytes
		}
	}
	return shards, documents, bytes
}
