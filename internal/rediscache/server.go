package rediscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// server is what is asked of Redis. Its methods return soon after their context is done, and may be called
// concurrently.
type server interface {
	// get gives the values in the order of the keys, nil for one that is not there. The caller owns them.
	get(ctx context.Context, keys []string) ([][]byte, error)
	// set stores all entries that it can, and gives the first error.
	set(ctx context.Context, entries []entry) error
	// take takes a token from a bucket that gets one in every interval of so many microseconds and holds burst; it
	// gives how many microseconds to wait if there is none.
	take(ctx context.Context, key string, interval, burst int64) (int64, error)
	close()
}

// entry is a value on its way to the server.
type entry struct {
	key   string
	value []byte
	ttl   time.Duration
}

// redis is a server reached through the client library.
type redis struct {
	client rueidis.Client
	script *rueidis.Lua
}

// dial connects; it returns when the server has answered, or after a second.
func dial(cfg *Config) (server, error) {
	option := rueidis.ClientOption{
		InitAddress: cfg.Addresses,
		SelectDB:    cfg.Database,
		ClientName:  "sagasu",
		AuthCredentialsFn: func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
			password, err := cfg.password()
			return rueidis.AuthCredentials{Username: cfg.User, Password: password}, err
		},
		Dialer:           net.Dialer{Timeout: dialTimeout},
		ConnWriteTimeout: dialTimeout,
		// Keys hold all that their value depends on: nothing need be invalidated.
		DisableCache: true,
		// Whoever waits has no time for a second try.
		DisableRetry: true,
		// A call that is late is given up alone; without pipelining it would take its connection with it.
		AlwaysPipelining:    true,
		PipelineMultiplex:   1,
		ReadBufferEachConn:  readBuffer,
		WriteBufferEachConn: writeBuffer,
	}
	if cfg.cluster() {
		option.PipelineMultiplex = 0
	}
	if cfg.Master != "" {
		option.Sentinel = rueidis.SentinelOption{MasterSet: cfg.Master, Dialer: option.Dialer}
	}
	if cfg.TLS {
		var err error
		if option.TLSConfig, err = tlsConfig(cfg.CAFile); err != nil {
			return nil, err
		}
		option.Sentinel.TLSConfig = option.TLSConfig
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, fmt.Errorf("connect with Redis: %w", err)
	}
	return &redis{client: client, script: rueidis.NewLuaScript(takeScript)}, nil
}

func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	data, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read certificates for Redis: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read certificates for Redis: none in %s", caFile)
	}
	return config, nil
}

func (r *redis) get(ctx context.Context, keys []string) ([][]byte, error) {
	commands := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		commands[i] = r.client.B().Get().Key(key).Build()
	}
	values := make([][]byte, len(keys))
	for i, reply := range r.client.DoMulti(ctx, commands...) {
		value, err := reply.AsBytes()
		switch {
		case rueidis.IsRedisNil(err):
		case err != nil:
			return nil, err //nolint:wrapcheck // the gate names what was asked
		case value == nil:
			values[i] = []byte{}
		default:
			values[i] = value
		}
	}
	return values, nil
}

func (r *redis) set(ctx context.Context, entries []entry) error {
	commands := make(rueidis.Commands, len(entries))
	for i, e := range entries {
		commands[i] = r.client.B().Set().Key(e.key).Value(rueidis.BinaryString(e.value)).Px(e.ttl).Build()
	}
	var first error
	for _, reply := range r.client.DoMulti(ctx, commands...) {
		if err := reply.Error(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// takeScript takes a token by the clock of the server. What is kept of a bucket is the time at which it is full again;
// taking a token puts that off by the interval in which one comes, and it may lie burst intervals ahead at most.
const takeScript = `
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
full = math.min(math.max(full, now), now + burst * interval) + interval
local wait = full - burst * interval - now
if wait > 0 then
  return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
`

func (r *redis) take(ctx context.Context, key string, interval, burst int64) (int64, error) {
	args := []string{strconv.FormatInt(interval, 10), strconv.FormatInt(burst, 10)}
	return r.script.Exec(ctx, r.client, []string{key}, args).AsInt64() //nolint:wrapcheck // as above
}

func (r *redis) close() { r.client.Close() }

// The reasons for which calls fail, as metrics name them.
const (
	reasonTimeout    = "timeout"
	reasonFull       = "oom"
	reasonDenied     = "denied"
	reasonUnready    = "unready"
	reasonReply      = "reply"
	reasonConnection = "connection"
)

// reasonOf names why a call failed, out of a closed list.
func reasonOf(err error) string {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return reasonTimeout
	}
	reply, ok := rueidis.IsRedisErr(err)
	if !ok {
		return reasonConnection
	}
	switch code, _, _ := strings.Cut(reply.Error(), " "); code {
	case "OOM":
		return reasonFull
	case "LOADING", "CLUSTERDOWN", "MASTERDOWN":
		return reasonUnready
	case "NOAUTH", "WRONGPASS", "NOPERM":
		return reasonDenied
	}
	return reasonReply
}
