// Package catalog says what a catalog is: the register of documents' life cycles, of jobs, of searches and of what
// was done to the cluster. postgres and sqlite implement it, catalogtest holds both to it. It follows the shards and is
// never on the path of a search: one that is away is caught up, one that is lost is built anew from the shards.
package catalog
