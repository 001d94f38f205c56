package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"sagasu/internal/catalog"
)

// poolConfig reads a connection string and adds what it does not say. Nothing is connected to.
func (c *Config) poolConfig(what, dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error leaves out the password.
		return nil, fmt.Errorf("%w: %s: %w", catalog.ErrConfig, what, err)
	}
	conn := cfg.ConnConfig
	if !strings.Contains(dsn, "connect_timeout") {
		conn.ConnectTimeout = c.ConnectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    c.ApplicationName,
		"search_path":                         c.Schema,
		"timezone":                            "UTC",
		"statement_timeout":                   milliseconds(c.StatementTimeout),
		"lock_timeout":                        milliseconds(c.LockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(c.IdleTransactionTimeout),
		// Filters differ in what they select by orders of magnitude; a plan for the average serves none.
		"plan_cache_mode": "force_custom_plan",
	} {
		if _, there := conn.RuntimeParams[name]; !there {
			conn.RuntimeParams[name] = value
		}
	}
	if several(&conn.Config) && conn.ValidateConnect == nil && !strings.Contains(dsn, "target_session_attrs") {
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = int32(c.MaxConns)
	}
	// A connection that lives for ever stays with a server that is no longer the one to ask.
	cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter, cfg.MaxConnIdleTime = 30*time.Minute, 5*time.Minute, 5*time.Minute
	return cfg, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// several reports whether there is more than one server; what is tried without TLS after TLS is the same one.
func several(conn *pgconn.Config) bool {
	first := net.JoinHostPort(conn.Host, strconv.Itoa(int(conn.Port)))
	for _, other := range conn.Fallbacks {
		if net.JoinHostPort(other.Host, strconv.Itoa(int(other.Port))) != first {
			return true
		}
	}
	return false
}

// open makes a pool, which connects when it is used.
func open(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make pool of connections: %w", err)
	}
	return pool, nil
}
