package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/rediscache"
)

// largestAnswer and largestEmbedding bound what is kept; see docs/caching.md.
const (
	largestAnswer    = 1 << 20
	largestEmbedding = 128 << 10
)

// cacheSettings are those of the caches, which are shared by way of Redis if there is one.
func cacheSettings() []setting {
	defaults := rediscache.Default()
	return []setting{
		{"answer-cache", "64", "MiB of memory for answers of searches; 0 keeps none, nor in Redis", checkCount},
		{"answer-cache-ttl", "10m", "how long an answer is kept", checkDuration},
		{"embedding-cache", "32", "MiB of memory for embeddings of queries; 0 keeps none, nor in Redis", checkCount},
		{"embedding-cache-ttl", "24h", "how long an embedding is kept", checkDuration},
		{
			"redis-addr", "", "host:port of Redis; several, separated by commas, are nodes of a Redis Cluster, or with " +
				"redis-master sentinels; empty keeps caches in this process", nil,
		},
		{"redis-master", "", "name that sentinels know the primary by; empty for no sentinels", nil},
		{"redis-user", "", "user of Redis; empty for its default user", nil},
		{"redis-password-file", "", "file with the user's password, read for every connection; empty for none", nil},
		{"redis-tls", "false", "speak TLS with Redis", checkBool},
		{"redis-tls-ca", "", "file with the authorities that sign Redis's certificate; empty for the system's", nil},
		{"redis-database", "0", "number of the database in Redis", checkCount},
		{"redis-prefix", defaults.Prefix, "what all keys in Redis begin with; one for each cluster", nil},
		{"redis-timeout", defaults.Timeout.String(), "how long a search waits for Redis at most", checkDuration},
	}
}

func checkDuration(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d <= 0 {
		return fmt.Errorf("%q is no duration over 0 such as 10m", v)
	}
	return nil
}

// caches are what is kept to be given again; nil for what is not.
type caches struct {
	client             *rediscache.Client
	answers, embedding *rediscache.Cache
}

// newCaches makes the caches. It does not wait for Redis.
func newCaches(conf *configuration, logger *slog.Logger, registry prometheus.Registerer) (*caches, error) {
	cfg := rediscache.Default()
	cfg.Logger, cfg.Registry = logger, registry
	for address := range strings.SplitSeq(conf.get("redis-addr"), ",") {
		if address = strings.TrimSpace(address); address != "" {
			cfg.Addresses = append(cfg.Addresses, address)
		}
	}
	cfg.Master, cfg.Prefix = conf.get("redis-master"), conf.get("redis-prefix")
	cfg.User, cfg.PasswordFile = conf.get("redis-user"), conf.get("redis-password-file")
	cfg.TLS, cfg.CAFile = conf.get("redis-tls") == "true", conf.get("redis-tls-ca")
	var err error
	if cfg.Database, err = conf.count("redis-database"); err != nil {
		return nil, err
	}
	if cfg.Timeout, err = conf.duration("redis-timeout"); err != nil {
		return nil, err
	}
	c := &caches{}
	if c.client, err = rediscache.Open(cfg); err != nil {
		return nil, usageError("caches: %w", err)
	}
	if c.answers, err = c.open(conf, "answer", largestAnswer); err == nil {
		c.embedding, err = c.open(conf, "embedding", largestEmbedding)
	}
	if err != nil {
		c.client.Close()
		return nil, err
	}
	return c, nil
}

// open makes the cache of a name, nil if it is to have no memory.
func (c *caches) open(conf *configuration, name string, largest int) (*rediscache.Cache, error) {
	megabytes, err := conf.count(name + "-cache")
	if err != nil || megabytes == 0 {
		return nil, err
	}
	cfg := rediscache.CacheConfig{Name: name, LocalBytes: megabytes << 20, MaxValue: largest}
	if cfg.TTL, err = conf.duration(name + "-cache-ttl"); err != nil {
		return nil, err
	}
	cache, err := c.client.Cache(cfg)
	if err != nil {
		return nil, usageError("%s-cache: %w", name, err)
	}
	return cache, nil
}
