package cluster

import "errors"

var (
	// ErrRunning is returned when a node is to be started that runs.
	ErrRunning = errors.New("node runs")
	// ErrNotRunning is returned when something is to be done to a process that there is none of.
	ErrNotRunning = errors.New("node does not run")
	// ErrEnded is returned when a node's process ended by itself, with the end of its log.
	ErrEnded = errors.New("node ended")
	// ErrNotReady is returned when a node or the cluster did not come to be as it was waited for.
	ErrNotReady = errors.New("not ready in time")
	// ErrNoPartitions is returned when a node is to be partitioned on a network that can't.
	ErrNoPartitions = errors.New("this network can't be partitioned")
)
