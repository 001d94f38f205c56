// Package route sends the calls of a search to copies of shards: it chooses a copy by load and measured
// latency, asks a second one when the first is late, tries another one when the first fails, and follows a
// shard that has moved. Its decisions are small pure values (choice, estimate, window, budget, health); a
// flight carries one call through them.
package route
