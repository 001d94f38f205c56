package consensus

import (
	"fmt"

	"github.com/hashicorp/raft"
)

const (
	// seedTerm is the term of the snapshot that a seeded group begins with; its first leader has the same or a later one.
	seedTerm = 1
	// seedMembers is the index of its configuration, which is in no entry.
	seedMembers = 1
)

// Seed makes dir, which holds a machine's files, what Adopt begins a new group with: the files are durable to index, as
// of a log that is gone, and the new log goes on after it. The group has these voters; those without the files must
// find their way by Fetch, so there is best one. index must be 1 at least. The directory is durable when Seed returns,
// and may then be renamed to Config.RestoreDir.
func Seed(dir string, index uint64, voters []string) error {
	if index == 0 || len(voters) == 0 {
		return fmt.Errorf("seed a group in %s: %w: index %d, %d voters", dir, ErrInvalidConfig, index, len(voters))
	}
	var c raft.Configuration
	for _, id := range voters {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	return writeRestore(dir, restored{
		streamed: streamed{
			index: index, term: seedTerm, members: membership{index: seedMembers, servers: c},
			// What the machine hashes to is not known before it is open, so the snapshot vouches for one command less:
			// it needs no more than the files have, and nothing is compared.
			ref: reference{command: index - 1, durable: index, ahead: index, seen: index},
		},
		durable: index,
	})
}
