package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus"
)

// milvusServer finds the vectors of all indexes, in one collection for each generation of each index, over one
// connection. It implements shard.Remote.
type milvusServer struct{ server *milvus.Server }

// newMilvus gives the configured server without waiting for it; nil if there is none.
func newMilvus(conf *configuration) (*milvusServer, error) {
	cfg, err := milvusConfig(conf)
	if err != nil || cfg.Address == "" {
		return nil, err
	}
	server, err := milvus.Connect(cfg)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return &milvusServer{server: server}, nil
}

// milvusConfig reads the settings and the files that they name.
func milvusConfig(conf *configuration) (milvus.Config, error) {
	cfg := milvus.Default()
	if cfg.Address = conf.get("milvus-addr"); cfg.Address == "" {
		return cfg, nil
	}
	cfg.Database, cfg.Username = conf.get("milvus-database"), conf.get("milvus-user")
	cfg.Consistency = milvus.Consistency(conf.get("milvus-consistency"))
	if path := conf.get("milvus-password-file"); path != "" {
		secret, err := os.ReadFile(path)
		if err != nil {
			return cfg, usageError("milvus-password-file: %w", err)
		}
		// Editors end files with a line feed that belongs to no password.
		if text := strings.TrimRight(string(secret), "\r\n"); cfg.Username == "" {
			cfg.Token = text
		} else {
			cfg.Password = text
		}
	}
	files := milvus.Certificates{
		CA: conf.get("milvus-tls-ca"), Cert: conf.get("milvus-tls-cert"), Key: conf.get("milvus-tls-key"),
		ServerName: conf.get("milvus-tls-name"),
	}
	if conf.get("milvus-tls") != "true" && files == (milvus.Certificates{}) {
		return cfg, nil
	}
	var err error
	if cfg.TLS, err = milvus.LoadTLS(files); err != nil {
		return cfg, usageError("TLS to Milvus: %w", err)
	}
	return cfg, nil
}

// Open implements shard.Remote. The collection is made and loaded when it is first used: writes must be accepted
// while Milvus is down.
func (m *milvusServer) Open(
	_ context.Context, index string, config api.DenseConfig, schema api.Schema,
) (dense.Collection, error) {
	return m.server.Collection(milvus.CollectionName(index, config.Generation), config, schema.Fields)
}

// Drop implements shard.Remote.
func (m *milvusServer) Drop(ctx context.Context, index string, generation int) error {
	return m.server.Drop(ctx, milvus.CollectionName(index, generation))
}

// close ends the connection.
func (m *milvusServer) close() error { return m.server.Close() }

func checkConsistency(v string) error {
	if err := milvus.Consistency(v).Validate(); err != nil {
		return fmt.Errorf("%q is not bounded, session or strong", v)
	}
	return nil
}
