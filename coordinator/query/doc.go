// Package query plans and runs a search over the shards of an index: both legs at once, each merged
// globally, fused, and the final page fetched. What an answer lacks is named in it. It knows nothing
// of HTTP.
package query
