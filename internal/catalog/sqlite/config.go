package sqlite

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/catalog"
)

// Config says where the file is and how it is used.
type Config struct {
	// Path is the file; its directory must be there. SQLite puts two files of the same name beside it.
	Path string
	// CallTimeout bounds a call as a whole. Migrating and dropping have no bound but their context's.
	CallTimeout time.Duration
	// Readers is the number of calls that may read at the same time.
	Readers   int
	Retention catalog.Retention
	Logger    *slog.Logger
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	Now        func() time.Time
}

// Default gives a configuration that lacks Path.
func Default() Config {
	return Config{
		CallTimeout: 30 * time.Second, Readers: 4, Retention: catalog.DefaultRetention(),
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// Validate returns catalog.ErrConfig, naming the field at fault.
func (c *Config) Validate() error {
	switch {
	case c.Path == "":
		return fmt.Errorf("%w: Path is missing", catalog.ErrConfig)
	case c.CallTimeout < time.Millisecond:
		return fmt.Errorf("%w: CallTimeout is %s, less than a millisecond", catalog.ErrConfig, c.CallTimeout)
	case c.Readers < 1 || c.Readers > maxReaders:
		return fmt.Errorf("%w: Readers is %d, not 1 to %d", catalog.ErrConfig, c.Readers, maxReaders)
	case c.Logger == nil || c.Now == nil:
		return fmt.Errorf("%w: Logger and Now are required", catalog.ErrConfig)
	}
	return c.Retention.Validate()
}
