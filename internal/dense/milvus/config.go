package milvus

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Consistency says which writes a search must see.
type Consistency string

// The levels of consistency.
const (
	// ConsistencySession sees this Index's own writes; others' as they arrive.
	ConsistencySession Consistency = "session"
	// ConsistencyStrong sees every write acknowledged before; each search waits for a time tick.
	ConsistencyStrong Consistency = "strong"
)

// Config says where the server is and what the collection holds.
type Config struct {
	// Address is "host:port" of the server's gRPC port.
	Address string
	// Username and Password are empty for a server without authentication.
	Username, Password string
	// Collection is the collection's name: letters, digits and underscores.
	Collection string
	// Dims is the number of dimensions of every vector.
	Dims int
	// Fields are the schema's fields; those that dense.Filterable allows can be filtered by.
	Fields map[string]api.Field
	// M is the degree of the HNSW graph, 2 to 2,048; EfConstruction the candidates kept while building
	// it, 1 to 32,768 (Malkov and Yashunin, 2016). They count when the collection is created.
	M, EfConstruction int
	// Ef is the number of candidates kept while searching, raised to K if that is more.
	Ef          int
	Consistency Consistency
	// OpenTimeout bounds Open, which creates, builds and loads; Timeout every other call.
	OpenTimeout, Timeout time.Duration
}

// ErrConfig is returned when a configuration makes no sense.
var ErrConfig = errors.New("bad configuration of the Milvus index")

// Default gives a configuration that lacks Address, Collection, Dims and Fields.
func Default() Config {
	return Config{
		M: 16, EfConstruction: 200, Ef: 256, Consistency: ConsistencySession,
		OpenTimeout: time.Minute, Timeout: 10 * time.Second,
	}
}

var collectionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// Validate returns ErrConfig, naming the field at fault.
func (c *Config) Validate() error {
	switch {
	case c.Address == "":
		return fmt.Errorf("%w: Address is missing", ErrConfig)
	case !collectionName.MatchString(c.Collection):
		return fmt.Errorf("%w: Collection %q is not made of letters, digits and underscores", ErrConfig, c.Collection)
	case c.Dims < 1 || c.Dims > api.MaxDenseDims:
		return fmt.Errorf("%w: Dims is %d, not 1 to %d", ErrConfig, c.Dims, api.MaxDenseDims)
	case c.M < 2 || c.M > 2048:
		return fmt.Errorf("%w: M is %d, not 2 to 2048", ErrConfig, c.M)
	case c.EfConstruction < 1 || c.EfConstruction > maxEf:
		return fmt.Errorf("%w: EfConstruction is %d, not 1 to %d", ErrConfig, c.EfConstruction, maxEf)
	case c.Ef < 1 || c.Ef > maxEf:
		return fmt.Errorf("%w: Ef is %d, not 1 to %d", ErrConfig, c.Ef, maxEf)
	case c.Consistency != ConsistencySession && c.Consistency != ConsistencyStrong:
		return fmt.Errorf("%w: Consistency is %q, not session or strong", ErrConfig, c.Consistency)
	case c.OpenTimeout <= 0 || c.Timeout <= 0:
		return fmt.Errorf("%w: OpenTimeout is %s and Timeout %s, not positive", ErrConfig, c.OpenTimeout, c.Timeout)
	}
	return nil
}

// filterable gives the fields that are kept beside the vectors.
func (c *Config) filterable() map[string]bool {
	out := map[string]bool{}
	for name, f := range c.Fields {
		if dense.Filterable(f.Type) {
			out[name] = true
		}
	}
	return out
}
