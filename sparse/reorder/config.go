package reorder

import "fmt"

// Config says which terms count and how long to look. Start from Default.
type Config struct {
	// MinDocFreq is in how many documents a term has to occur to count, here and again in each part that is
	// halved; at least 2, as a term of one document draws it nowhere.
	MinDocFreq int
	// MaxDocShare is the share of the documents, above 0 and at most 1, beyond which a term doesn't count: one that
	// is nearly everywhere tells no documents apart.
	MaxDocShare float64
	// MaxPostings bounds the pairs of document and term held, at 4 bytes each; at least 1 and at most the limit
	// MaxPostings. The most frequent terms are left out until the others fit.
	MaxPostings int
	// MinPartition is the number of documents, at least 2, up to which a part is not halved again.
	MinPartition int
	// MaxIterations bounds the rounds of exchanges between two halves, at least 1.
	MaxIterations int
	// Workers is how many goroutines may work at a time, at least 1. The order doesn't depend on it.
	Workers int
	// Abort is asked often, by as many goroutines at a time as there are Workers, whether to give up. It may wait. It may be nil.
	Abort func() bool
}

// Default gives the settings that the figures of the package's documentation are of: one worker, never aborted.
func Default() Config {
	return Config{
		MinDocFreq:    defaultMinDocFreq,
		MaxDocShare:   defaultMaxDocShare,
		MaxPostings:   defaultMaxPostings,
		MinPartition:  defaultMinPartition,
		MaxIterations: defaultMaxIterations,
		Workers:       1,
	}
}

// Validate names the first setting that is out of its bounds, as an error that wraps ErrConfig.
func (c Config) Validate() error {
	switch {
	case c.MinDocFreq < 2:
		return fmt.Errorf("%w: MinDocFreq is %d, below 2", ErrConfig, c.MinDocFreq)
	case !(c.MaxDocShare > 0 && c.MaxDocShare <= 1):
		return fmt.Errorf("%w: MaxDocShare is %v, not above 0 and at most 1", ErrConfig, c.MaxDocShare)
	case c.MaxPostings < 1 || c.MaxPostings > MaxPostings:
		return fmt.Errorf("%w: MaxPostings is %d, not between 1 and %d", ErrConfig, c.MaxPostings, MaxPostings)
	case c.MinPartition < 2:
		return fmt.Errorf("%w: MinPartition is %d, below 2", ErrConfig, c.MinPartition)
	case c.MaxIterations < 1:
		return fmt.Errorf("%w: MaxIterations is %d, below 1", ErrConfig, c.MaxIterations)
	case c.Workers < 1:
		return fmt.Errorf("%w: Workers is %d, below 1", ErrConfig, c.Workers)
	}
	return nil
}
