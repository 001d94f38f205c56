package coordinator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"sagasu/coordinator/state"
	"sagasu/internal/vfs"
)

// identity is who a node is, for as long as its data directory lives.
type identity struct {
	// ID is the node's name in the cluster.
	ID string `json:"id"`
	// Instance is random, made with the directory: two nodes that were given one name are told apart.
	Instance string `json:"instance"`
	// Cluster is the cluster the node belongs to, empty before it has joined one.
	Cluster string `json:"cluster,omitempty"`
}

// ErrIdentity is returned when a data directory belongs to another node or cluster than it is used for.
var ErrIdentity = errors.New("data directory of another node or cluster")

// readIdentity gives the identity of a data directory. A new directory gets one: the configured id, or a
// random one. A directory from before there were clusters belongs to the node "local".
func readIdentity(fsys vfs.FS, dir, configured string, old bool) (identity, error) {
	path := filepath.Join(dir, nodeFile)
	data, err := fsys.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newIdentity(fsys, path, configured, old)
	case err != nil:
		return identity{}, fmt.Errorf("read identity: %w", err)
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil || checkNodeID(id.ID) != nil || id.Instance == "" {
		return identity{}, fmt.Errorf("read identity %s: %.100q: %w", path, data, ErrData)
	}
	if configured != "" && configured != id.ID {
		return identity{}, fmt.Errorf("%w: %s belongs to node %q, not %q", ErrIdentity, dir, id.ID, configured)
	}
	return id, nil
}

func newIdentity(fsys vfs.FS, path, configured string, old bool) (identity, error) {
	instance, err := newUUID()
	if err != nil {
		return identity{}, err
	}
	id := identity{ID: configured, Instance: instance}
	switch {
	case old && configured != "" && configured != state.LocalNode:
		return identity{}, fmt.Errorf("%w: %s is from before there were clusters and belongs to node %q, not %q",
			ErrIdentity, filepath.Dir(path), state.LocalNode, configured)
	case old:
		id.ID = state.LocalNode
	case configured == "":
		id.ID = "node-" + instance[:8]
	}
	if err := checkNodeID(id.ID); err != nil {
		return identity{}, err
	}
	return id, id.write(fsys, path)
}

func (id identity) write(fsys vfs.FS, path string) error {
	data, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	if err := vfs.Replace(fsys, path, append(data, '\n')); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return nil
}

// checkNodeID refuses what can't be a node's id: it is a name in metrics, logs and directories.
func checkNodeID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if id == "" || len(id) > state.MaxIDBytes || id[0] == '.' || strings.Trim(id, letters) != "" {
		return fmt.Errorf("node id %q must be 1 to %d letters, digits, '.', '_' and '-', not begin with a '.'", id,
			state.MaxIDBytes)
	}
	return nil
}

// newUUID gives 128 random bits in hexadecimal, which is a name of a directory and a collection too.
func newUUID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make uuid: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
