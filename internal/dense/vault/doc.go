// Package vault keeps vectors on disk without searching them: the vectors of a shard whose index is in a server,
// which is filled from here.
//
// In memory are only ids with the version, digest and place of their vectors, and what was applied since the last
// flush. Values are read from mapped files (package vectorfile) and checked each time. Readers look up places
// under a lock, hold the files, and read without it; when files were merged in the background, the places are moved
// in steps and then the old files dropped, which are unmapped when the last reader releases them.
//
// The vault is part of a replicated state machine: Apply takes the entries' log indexes and is in memory at once;
// Flush makes what was applied durable; what was applied after the last Flush is lost on a restart and must be
// applied again.
package vault
