package postgres

import "time"

const (
	// maxConns bounds Config.MaxConns: each is a process of the server.
	maxConns = 1_000
	// maxMonthsAhead bounds Config.MonthsAhead: every partition costs planning.
	maxMonthsAhead = 24
	// dropRows is the number of rows that dropping removes in one transaction, so that locks and WAL stay short.
	dropRows = 10_000
	// bulkTimeout is the statement_timeout of what touches every row of a shard or an index.
	bulkTimeout = 10 * time.Minute
	// replicaTimeout bounds what a replica may take, so that there is time to ask the primary.
	replicaTimeout = 3 * time.Second
	// lockPoll is the time between two looks whether another node is done with migrating.
	lockPoll = 100 * time.Millisecond
	// attempts is how often a transaction runs that the server breaks off because of another one.
	attempts = 3
)
