// Package reconcile is the loop of the node that leads the metadata: it compares what the metadata want with
// what there is, plans steps by package placement, proposes them, and notes when they are done. It keeps
// nothing that another leader could not find out anew: that one goes on from the metadata.
package reconcile
