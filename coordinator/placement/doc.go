// Package placement plans on which nodes the replicas of shards belong. It computes and changes nothing:
// what it gives depends on the metadata and on what is known of the nodes alone, and the same gives the same.
package placement
