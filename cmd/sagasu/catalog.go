package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/postgres"
	"sagasu/internal/catalog/sqlite"
)

// The values of the setting catalog that are no connection strings.
const (
	catalogSQLite = "sqlite"
	catalogNone   = "none"
)

// catalogFile is the embedded catalog, in the data directory.
const catalogFile = "catalog.db"

// catalogSettings are those of the catalog.
func catalogSettings() []setting {
	return []setting{
		{
			"catalog", "", "where documents' states, jobs, searches and changes are noted: a postgres:// URL, " +
				"sqlite (the default of a node on its own) or none", checkCatalog,
		},
		{"catalog-replica", "", "postgres:// URL of a read replica that listings are asked of; empty for none", checkReplica},
		{
			"catalog-retention", "", "how long it keeps things, such as searches=92d,audit=396d,jobs=31d,deleted=31d",
			checkRetention,
		},
		{"search-log", "all", "which searches are logged in the catalog: all, none, or a part such as 0.1", checkSearchLog},
	}
}

func isPostgres(v string) bool {
	return strings.HasPrefix(v, "postgres://") || strings.HasPrefix(v, "postgresql://") || strings.HasPrefix(v, "host=")
}

func checkCatalog(v string) error {
	if v == "" || v == catalogSQLite || v == catalogNone || isPostgres(v) {
		return nil
	}
	return errors.New("is neither a postgres:// URL nor sqlite nor none")
}

func checkReplica(v string) error {
	if v == "" || isPostgres(v) {
		return nil
	}
	return errors.New("is no postgres:// URL")
}

func checkRetention(v string) error {
	_, err := parseRetention(v)
	return err
}

// parseRetention reads name=span,name=span; a span is of days, 31d, or as Go has it, 12h.
func parseRetention(text string) (catalog.Retention, error) {
	r := catalog.DefaultRetention()
	if text == "" {
		return r, nil
	}
	fields := map[string]*time.Duration{
		"searches": &r.Searches, "audit": &r.Audit, "jobs": &r.Jobs, "deleted": &r.Deleted,
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, span, _ := strings.Cut(strings.TrimSpace(pair), "=")
		field := fields[name]
		if field == nil {
			return r, fmt.Errorf("%q is none of searches=, audit=, jobs=, deleted=", pair)
		}
		delete(fields, name)
		var err error
		if days, ok := strings.CutSuffix(span, "d"); ok {
			var n int
			n, err = strconv.Atoi(days)
			if err == nil && n > maxRetentionDays {
				err = fmt.Errorf("more than %d days", maxRetentionDays)
			}
			*field = time.Duration(n) * 24 * time.Hour
		} else {
			*field, err = time.ParseDuration(span)
		}
		if err != nil {
			return r, fmt.Errorf("%q of %s is no span such as 31d or 12h", span, name)
		}
	}
	return r, r.Validate()
}

// maxRetentionDays is a century, which a time.Duration still holds.
const maxRetentionDays = 36_525

func checkSearchLog(v string) error {
	_, err := parseSearchLog(v)
	return err
}

// parseSearchLog gives the part of the searches that is logged.
func parseSearchLog(text string) (float64, error) {
	switch text {
	case "all":
		return 1, nil
	case "none":
		return 0, nil
	}
	part, err := strconv.ParseFloat(text, 64)
	if err != nil || !(part >= 0 && part <= 1) {
		return 0, fmt.Errorf("%q is neither all nor none nor a number of 0 to 1", text)
	}
	return part, nil
}

// newCatalog gives what opens the configured catalog; nil for none.
func newCatalog(conf *configuration, p *process) (func(context.Context) (catalog.Catalog, error), error) {
	kind := conf.get("catalog")
	if kind == "" {
		if kind = catalogNone; conf.get("rpc-addr") == "" {
			kind = catalogSQLite
		}
	}
	retention, err := parseRetention(conf.get("catalog-retention"))
	if err != nil {
		return nil, usageError("catalog-retention: %w", err)
	}
	if conf.get("catalog-replica") != "" && !isPostgres(kind) {
		return nil, usageError("catalog-replica is only for a catalog in PostgreSQL")
	}
	switch {
	case kind == catalogNone:
		return nil, nil
	case kind == catalogSQLite && conf.get("rpc-addr") != "":
		return nil, usageError("catalog is sqlite, but the nodes of a cluster need one catalog together: " +
			"give a postgres:// URL, or none")
	case kind == catalogSQLite:
		cfg := sqlite.Default()
		cfg.Path, cfg.Retention = filepath.Join(conf.get("data-dir"), catalogFile), retention
		cfg.Logger, cfg.Registerer = p.logger, p.registry
		return func(ctx context.Context) (catalog.Catalog, error) {
			store, err := sqlite.Open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return store, nil
		}, nil
	}
	cfg := postgres.Default()
	cfg.DSN, cfg.ReplicaDSN, cfg.Retention = kind, conf.get("catalog-replica"), retention
	cfg.Logger, cfg.Registerer = p.logger, p.registry
	// It needs no server to be opened, so what is wrong with it is told at once.
	store, err := postgres.Open(context.Background(), cfg)
	if err != nil {
		return nil, usageError("catalog: %w", err)
	}
	return func(context.Context) (catalog.Catalog, error) { return store, nil }, nil
}

// passwords matches those in connection strings, of both kinds.
var passwords = regexp.MustCompile(`(://[^:/@\s]*:)[^@]*@|(password=)('(?:[^'\\]|\\.)*'|\S+)`)

// withoutPassword hides the password of a connection string.
func withoutPassword(value string) string {
	return passwords.ReplaceAllStringFunc(value, func(found string) string {
		if strings.HasPrefix(found, "password=") {
			return "password=***"
		}
		return found[:strings.LastIndexByte(found[:strings.IndexByte(found, '@')], ':')+1] + "***@"
	})
}
