package jobs

import (
	"fmt"
	"strings"
)

// Names of files, each in the directory of its job, which has the job's id as its name.
const (
	// jobFile describes the job, bodyFile is what was sent.
	jobFile  = "job"
	bodyFile = "body"
	// journalPrefix begins the names of what says how far the job is.
	journalPrefix = "journal-"
	// newSuffix marks the directory of a job that is being received.
	newSuffix = ".tmp"
)

func journalName(n int) string { return fmt.Sprintf("%s%06d", journalPrefix, n) }

// checkID refuses what can't be the name of a directory.
func checkID(id string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if id == "" || len(id) > 64 || strings.Trim(id, letters) != "" {
		return fmt.Errorf("id %.80q is not 1 to 64 of a-z, 0-9 and -: %w", id, ErrConfig)
	}
	return nil
}
