// Package coordinator composes one node: the replicated metadata and one shard replica per index, under
// one data directory. What the HTTP room asks of a node is answered here, by handing it to the replica,
// the query planner or the metadata. DESIGN.md tells the flow and the locks.
package coordinator
