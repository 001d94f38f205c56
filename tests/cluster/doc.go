// Package cluster runs clusters of real sagasu processes on one machine and does to them what happens to
// clusters: kills, pauses, partitions, restarts at other addresses.
//
// A Cluster owns its processes. Each is in a process group of its own and dies with the program that started it,
// however that ends; what a partition needs of the network is taken away by a process that outlives the program.
// A Node's methods may be called from several goroutines, and wait for each other.
package cluster
