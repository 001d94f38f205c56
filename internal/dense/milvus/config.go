package milvus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Consistency says which writes a search must see.
type Consistency string

// The levels of consistency; docs/milvus.md has what each costs.
const (
	// ConsistencyBounded sees writes that are older than the server's grace time, 5 s by default, and of newer
	// ones those that have arrived. It never waits on a server that keeps up. Since Upsert and Delete return when
	// their rows have arrived, a server with one copy of the collection shows them at once.
	ConsistencyBounded Consistency = "bounded"
	// ConsistencySession sees what this Server wrote, on every copy of the collection; others' as it arrives.
	ConsistencySession Consistency = "session"
	// ConsistencyStrong sees every write acknowledged before: each search waits for a time tick.
	ConsistencyStrong Consistency = "strong"
)

// Config says where the server is and how it is spoken to.
type Config struct {
	// Address is "host:port" of the server's gRPC port.
	Address string
	// Database is the one that holds the collections; empty for the server's default. It must exist.
	Database string
	// Username and Password, or Token, are those of a server with authentication; empty otherwise.
	Username, Password, Token string
	// TLS encrypts the connection; nil does not. See LoadTLS.
	TLS         *tls.Config
	Consistency Consistency
	// OpenTimeout bounds making a collection ready, which creates, builds and loads; Timeout every other call.
	OpenTimeout, Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
}

// ErrConfig is returned when a configuration makes no sense.
var ErrConfig = errors.New("bad configuration of Milvus")

// Default gives a configuration that lacks Address.
func Default() Config {
	return Config{
		Consistency: ConsistencyBounded, OpenTimeout: time.Minute, Timeout: 10 * time.Second, Now: time.Now,
	}
}

// Validate returns ErrConfig, naming the field at fault.
func (c *Config) Validate() error {
	switch {
	case c.Address == "":
		return fmt.Errorf("%w: Address is missing", ErrConfig)
	case c.Token != "" && c.Username+c.Password != "":
		return fmt.Errorf("%w: there are a Token and a Username or Password", ErrConfig)
	case c.Username == "" && c.Password != "":
		return fmt.Errorf("%w: there is a Password but no Username", ErrConfig)
	case c.OpenTimeout <= 0 || c.Timeout <= 0:
		return fmt.Errorf("%w: OpenTimeout is %s and Timeout %s, not positive", ErrConfig, c.OpenTimeout, c.Timeout)
	case c.Now == nil:
		return fmt.Errorf("%w: Now is missing", ErrConfig)
	}
	return c.Consistency.Validate()
}

// Validate returns ErrConfig for a level that there is none of.
func (c Consistency) Validate() error {
	switch c {
	case ConsistencyBounded, ConsistencySession, ConsistencyStrong:
		return nil
	}
	return fmt.Errorf("%w: Consistency is %q, not bounded, session or strong", ErrConfig, string(c))
}
