// Package gossip is the one wrapper on hashicorp/memberlist: it tells which nodes are there, where they are reached,
// what roles and how much load they have, and notices when one is gone. What it gives are values (Members, Conflicts)
// and a channel that says when to look again (Changed).
//
// Gossip suspects, only raft decides: a member that is dead here may be well and cut off from us alone, two nodes may
// see different members at one time, and whoever holds the key can claim to be any node. Nothing may be lost because
// of what this package says.
//
// # Locks
//
// memberlist calls the delegates with its own lock held, and they take the table's. So nothing here calls memberlist
// with the table's lock held.
package gossip
