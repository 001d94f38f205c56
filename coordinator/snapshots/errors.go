package snapshots

import "errors"

var (
	// ErrFormat is returned when an object of a repository is not what it should be: damaged, or made up.
	ErrFormat = errors.New("damaged snapshot")
	// ErrNewerFormat is returned when an object of a repository was written by a newer version than this one.
	ErrNewerFormat = errors.New("snapshot of a newer version")
	// ErrNotFound is returned when a repository has no snapshot of that id.
	ErrNotFound = errors.New("snapshot not found")
	// ErrForeign is returned when something is to be written to a repository that belongs to another cluster.
	ErrForeign = errors.New("repository of another cluster")
	// ErrRepository is returned when a repository can't be opened as it is configured.
	ErrRepository = errors.New("repository can't be used")
	// ErrNoSession is returned when a node does not know a cut any more: it was restarted, or nobody asked for long.
	ErrNoSession = errors.New("cut of a shard is not known any more")
)
