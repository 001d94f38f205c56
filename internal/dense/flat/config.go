package flat

import (
	"errors"
	"fmt"
	"log/slog"

	"sagasu/api"
	"sagasu/internal/dense/vectorfile"
	"sagasu/internal/vfs"
)

// The errors of the files, beside those of package dense.
var (
	// ErrCorrupt is returned when a file is damaged or missing; the message names it.
	ErrCorrupt = vectorfile.ErrCorrupt
	// ErrVersion is returned when a file was written by a newer build; the message names it.
	ErrVersion = vectorfile.ErrVersion
	// ErrConfig is returned when a configuration makes no sense.
	ErrConfig = errors.New("bad configuration of the flat index")
)

// Config says what an index holds and where.
type Config struct {
	// FS is the file system, vfs.OS() by default.
	FS vfs.FS
	// Dir is the index's own directory; it is made if it is not there.
	Dir string
	// Dims is the number of dimensions of every vector.
	Dims int
	// Limit bounds the number of vectors.
	Limit int
	// Schema has the fields; filters may use those that dense.Filterable allows.
	Schema api.Schema
	// Logger is told when files can't be merged; nil for none.
	Logger *slog.Logger
}

// Default gives a configuration that lacks Dir, Dims and Schema.
func Default() Config { return Config{FS: vfs.OS(), Limit: DefaultLimit} }

// Validate returns ErrConfig, naming the field at fault.
func (c *Config) Validate() error {
	switch {
	case c.FS == nil:
		return fmt.Errorf("%w: FS is missing", ErrConfig)
	case c.Dir == "":
		return fmt.Errorf("%w: Dir is missing", ErrConfig)
	case c.Dims < 1 || c.Dims > api.MaxDenseDims:
		return fmt.Errorf("%w: Dims is %d, not 1 to %d", ErrConfig, c.Dims, api.MaxDenseDims)
	case c.Limit < 1:
		return fmt.Errorf("%w: Limit is %d, not positive", ErrConfig, c.Limit)
	}
	return nil
}
