package postgres

import (
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/catalog"
)

// Config says where the database is and how it is used.
type Config struct {
	// DSN is a connection string, "postgres://user:password@host:port,host:port/database?..." or "host=... user=...".
	// Of several hosts the one that takes writes is used, unless target_session_attrs says otherwise. Settings that it
	// names, such as statement_timeout in milliseconds, win over those below.
	DSN string
	// ReplicaDSN is of a read replica that answers listings, counts and analytics, as long as it can; "" for none.
	ReplicaDSN string
	// Schema is the schema that holds the tables; it is made if the user may.
	Schema string
	// ApplicationName is what the server calls the connections.
	ApplicationName string
	// MaxConns bounds the connections to each server.
	MaxConns int
	// ConnectTimeout bounds making a connection to one host.
	ConnectTimeout time.Duration
	// CallTimeout bounds a call as a whole, waiting for a connection included. Migrating and dropping have no bound but
	// their context's.
	CallTimeout time.Duration
	// StatementTimeout, LockTimeout and IdleTransactionTimeout are the server's statement_timeout, lock_timeout and
	// idle_in_transaction_session_timeout.
	StatementTimeout, LockTimeout, IdleTransactionTimeout time.Duration
	// ReplicaPause is for how long a replica that failed is not asked.
	ReplicaPause time.Duration
	// MonthsAhead is the number of coming months for which the logs have partitions.
	MonthsAhead int
	Retention   catalog.Retention
	Logger      *slog.Logger
	// Registerer takes the metrics; nil for none.
	Registerer prometheus.Registerer
	Now        func() time.Time
}

// Default gives a configuration that lacks DSN.
func Default() Config {
	return Config{
		Schema: "sagasu", ApplicationName: "sagasu", MaxConns: 8,
		ConnectTimeout: 5 * time.Second, CallTimeout: 30 * time.Second, StatementTimeout: 10 * time.Second,
		LockTimeout: 5 * time.Second, IdleTransactionTimeout: 30 * time.Second, ReplicaPause: 5 * time.Second,
		MonthsAhead: 2, Retention: catalog.DefaultRetention(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// schemaName is what needs no quoting, so that it can be put into statements and search_path as it is.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Validate returns catalog.ErrConfig, naming the field at fault.
func (c *Config) Validate() error {
	switch {
	case c.DSN == "":
		return fmt.Errorf("%w: DSN is missing", catalog.ErrConfig)
	case !schemaName.MatchString(c.Schema):
		return fmt.Errorf("%w: Schema %q is not made of small letters, digits and underscores", catalog.ErrConfig, c.Schema)
	case c.MaxConns < 1 || c.MaxConns > maxConns:
		return fmt.Errorf("%w: MaxConns is %d, not 1 to %d", catalog.ErrConfig, c.MaxConns, maxConns)
	case c.MonthsAhead < 1 || c.MonthsAhead > maxMonthsAhead:
		return fmt.Errorf("%w: MonthsAhead is %d, not 1 to %d", catalog.ErrConfig, c.MonthsAhead, maxMonthsAhead)
	case c.Logger == nil || c.Now == nil:
		return fmt.Errorf("%w: Logger and Now are required", catalog.ErrConfig)
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"ConnectTimeout", c.ConnectTimeout},
		{"CallTimeout", c.CallTimeout},
		{"StatementTimeout", c.StatementTimeout},
		{"LockTimeout", c.LockTimeout},
		{"IdleTransactionTimeout", c.IdleTransactionTimeout},
		{"ReplicaPause", c.ReplicaPause},
	} {
		if f.value < time.Millisecond {
			return fmt.Errorf("%w: %s is %s, less than a millisecond", catalog.ErrConfig, f.name, f.value)
		}
	}
	return c.Retention.Validate()
}
