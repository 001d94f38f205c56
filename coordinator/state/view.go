package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"sagasu/api"
)

// snapshotFormat is the version of the JSON that Encode gives.
const snapshotFormat = 1

// ErrNewerFormat is returned when a snapshot was written by a newer version than this one.
var ErrNewerFormat = errors.New("metadata snapshot of a newer format")

// Index is one index of the cluster.
type Index struct {
	Name string `json:"name"`
	// UUID names the index's files and its group; it never changes and is never used again.
	UUID   string     `json:"uuid"`
	Schema api.Schema `json:"schema"`
	// CreatedMillis is the time of creation in milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
}

// View is the state at one moment. It is shared by its readers: what it gives must not be changed.
type View struct {
	applied uint64
	indexes map[string]Index
}

// Applied is the log index of the last command in the view.
func (v *View) Applied() uint64 { return v.applied }

// Index gives the index of that name.
func (v *View) Index(name string) (Index, bool) {
	x, ok := v.indexes[name]
	return x, ok
}

// Indexes gives every index, ascending by name.
func (v *View) Indexes() []Index {
	out := make([]Index, 0, len(v.indexes))
	for _, x := range v.indexes {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
	return out
}

type snapshot struct {
	Format  int     `json:"format"`
	Applied uint64  `json:"applied"`
	Indexes []Index `json:"indexes"`
}

// Encode gives the view as JSON: equal states give equal bytes.
func (v *View) Encode() ([]byte, error) {
	data, err := json.Marshal(snapshot{Format: snapshotFormat, Applied: v.applied, Indexes: v.Indexes()})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return data, nil
}

// Decode makes a State of what Encode gave. It returns ErrNewerFormat or ErrCommand.
func Decode(data []byte) (*State, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decode metadata: %w: %w", ErrCommand, err)
	}
	if head.Format != snapshotFormat {
		return nil, fmt.Errorf("decode metadata of format %d, this version reads %d: %w", head.Format,
			snapshotFormat, ErrNewerFormat)
	}
	var snap snapshot
	if err := decode(data, &snap); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	v := &View{applied: snap.Applied, indexes: make(map[string]Index, len(snap.Indexes))}
	for _, x := range snap.Indexes {
		v.indexes[x.Name] = x
	}
	s := &State{}
	s.view.Store(v)
	return s, nil
}

// Hash is a digest of the state: equal on nodes that applied the same commands. It covers the indexes
// and the applied index.
func (s *State) Hash() (uint64, error) {
	data, err := s.View().Encode()
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	if _, err := h.Write(data); err != nil {
		return 0, fmt.Errorf("hash metadata: %w", err)
	}
	return h.Sum64(), nil
}
