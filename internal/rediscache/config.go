package rediscache

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says where Redis is, and how it is used. Begin with Default; Logger and Registry are to be set.
type Config struct {
	// Addresses are host:port: of one server, of some nodes of a Redis Cluster, or, with Master, of sentinels. None
	// makes all caches local.
	Addresses []string
	// Master is the name that sentinels know the primary by.
	Master string
	// User and PasswordFile authenticate; the file's last line break does not count. It is read for every new
	// connection, so that a password can be changed.
	User, PasswordFile string
	// TLS encrypts; CAFile has the certificates that the server's is checked against, empty takes the system's.
	TLS    bool
	CAFile string
	// Database is the number of the database; a Redis Cluster has only 0.
	Database int
	// Prefix begins every key, so that several clusters can share a server.
	Prefix string
	// Timeout bounds every call that somebody waits for.
	Timeout time.Duration

	// Now is the clock.
	Now      func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Default gives the defaults: no Redis.
func Default() Config { return Config{Prefix: "sagasu:", Timeout: defaultTimeout, Now: time.Now} }

// Validate returns ErrConfig, naming all that is missing or can't be.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for _, address := range c.Addresses {
		host, port, err := net.SplitHostPort(address)
		wrong(err != nil || host == "" || port == "", "address %q is not host:port", address)
	}
	wrong(len(c.Addresses) == 0 && c.Master != "", "sentinels' addresses are missing")
	wrong(c.User != "" && c.PasswordFile == "", "user %q has no password file", c.User)
	wrong(c.CAFile != "" && !c.TLS, "CAFile is for TLS, which is off")
	wrong(c.Database < 0, "Database is %d, must not be negative", c.Database)
	wrong(c.Database > 0 && c.cluster(), "a Redis Cluster has only database 0")
	wrong(strings.ContainsAny(c.Prefix, " \t\r\n{}"), "Prefix %q has blanks or braces", c.Prefix)
	wrong(c.Timeout <= 0 || c.Timeout > maxTimeout, "Timeout is %v, must be over 0 and at most %v", c.Timeout, maxTimeout)
	wrong(c.Now == nil, "Now is not set")
	wrong(c.Logger == nil, "Logger is not set")
	wrong(c.Registry == nil, "Registry is not set")
	if c.PasswordFile != "" {
		_, err := c.password()
		wrong(err != nil, "%v", err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// cluster reports whether the addresses are of a Redis Cluster.
func (c *Config) cluster() bool { return c.Master == "" && len(c.Addresses) > 1 }

// password reads the password file.
func (c *Config) password() (string, error) {
	if c.PasswordFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read password of Redis: %w", err)
	}
	password := strings.TrimRight(string(data), "\r\n")
	if password == "" {
		return "", fmt.Errorf("password file %s is empty", c.PasswordFile)
	}
	return password, nil
}
