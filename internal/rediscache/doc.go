// Package rediscache keeps what gateways share and can do without: results of searches, embeddings of queries, cursors
// and counts for rate limits. It is the one room that speaks to Redis.
//
// Redis is never needed. A call has a few milliseconds, a gate closes after some that failed, and while it is closed
// nothing is asked of Redis but a probe in the background. Callers see misses, and limits that hold for this process.
package rediscache
