package catalog

import (
	"fmt"
	"time"
)

// Retention says for how long things are kept that nobody removes.
type Retention struct {
	// Searches and Audit are kept by whole months in PostgreSQL, up to a month longer than this.
	Searches, Audit time.Duration
	// Jobs is counted from a job's end.
	Jobs time.Duration
	// Deleted is for how long a deleted document is remembered.
	Deleted time.Duration
}

// day is a day without a change of clocks.
const day = 24 * time.Hour

// DefaultRetention gives a quarter of searches, a year and a month of audit, and a month of the rest.
func DefaultRetention() Retention {
	return Retention{Searches: 92 * day, Audit: 396 * day, Jobs: 31 * day, Deleted: 31 * day}
}

// Validate returns ErrConfig, naming the field at fault.
func (r Retention) Validate() error {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Searches", r.Searches}, {"Audit", r.Audit}, {"Jobs", r.Jobs}, {"Deleted", r.Deleted}} {
		if f.value < time.Hour {
			return fmt.Errorf("%w: Retention.%s is %s, less than an hour", ErrConfig, f.name, f.value)
		}
	}
	return nil
}
