package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"sagasu/coordinator"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/auditlog"
	"sagasu/internal/auth"
)

// pepperVariable is the pepper itself, for those who can't mount a file. It is no setting: nobody shall put a secret on
// a command line.
const pepperVariable = "SAGASU_KEY_PEPPER"

// auditOff is the value of audit-dir for no audit log.
const auditOff = "none"

// securitySettings are about who may do what.
func securitySettings() []setting {
	return []setting{
		{
			"insecure-rpc", "false", "listen for calls between nodes on more than loopback though they are neither encrypted " +
				"nor authenticated: in a network of their own", checkBool,
		},
		{
			"key-pepper-file", "", "file with at least 32 bytes in base64 that keys are recognised with, the same on all nodes; " +
				"a node on its own makes one in its data directory [" + pepperVariable + " has it itself]", nil,
		},
		{"admin-key-file", "", "file with a key that may do everything on this node, whatever else there is", nil},
		{"token-issuers-file", "", "YAML file with the issuers whose tokens are believed: docs/security.md", nil},
		{"audit-dir", "", "directory of the audit log; empty is audit in the data directory, none for no files", nil},
		{"audit-reads", string(httpapi.AuditReadsNone), "whether reads of documents are in the audit log: none or all",
			checkAuditReads},
	}
}

func checkAuditReads(v string) error {
	if v != string(httpapi.AuditReadsNone) && v != string(httpapi.AuditReadsAll) {
		return fmt.Errorf("%q is neither none nor all", v)
	}
	return nil
}

// configureSecurity says how callers are known. say tells the operator the first key.
func configureSecurity(conf *configuration, p *process, cfg *coordinator.Config, say func(key string)) error {
	insecure := conf.get("insecure") == "true"
	if insecure {
		p.logger.Warn("INSECURE: there are no keys: anybody who reaches this node may read, change and delete everything")
	} else if !isLoopback(conf.get("http-addr")) {
		p.logger.Warn("keys and documents travel unencrypted to http-addr: put something that speaks TLS in front of it",
			"http_addr", conf.get("http-addr"))
	}
	var err error
	if cfg.Pepper, err = readPepper(conf, p.logger, cfg.Cluster == nil, insecure); err != nil {
		return err
	}
	if cfg.AdminKey, err = readAdminKey(conf.get("admin-key-file"), p.logger); err != nil {
		return err
	}
	if cfg.Tokens, err = readIssuers(conf.get("token-issuers-file"), p.logger); err != nil {
		return err
	}
	if !insecure && cfg.AdminKey == nil {
		cfg.FirstKey = say
	}
	return nil
}

// readPepper gives the pepper of the variable, of the file, or of the data directory of a node on its own, which is made
// if it is not there; nil if an insecure node has none.
func readPepper(conf *configuration, logger *slog.Logger, alone, insecure bool) (*auth.Pepper, error) {
	path := conf.get("key-pepper-file")
	switch {
	case conf.pepper != "" && path != "":
		return nil, usageError("key-pepper-file and %s are both set", pepperVariable)
	case conf.pepper != "":
		pepper, err := auth.ParsePepper(conf.pepper)
		if err != nil {
			return nil, usageError("%s: %w", pepperVariable, err)
		}
		return &pepper, nil
	case path == "" && alone:
		path = filepath.Join(conf.get("data-dir"), coordinator.PepperFile)
		if err := makePepper(path); err != nil {
			return nil, err
		}
	case path == "" && insecure:
		return nil, nil
	case path == "":
		return nil, usageError("a cluster needs key-pepper-file, or %s: at least 32 bytes in base64, the same on all nodes; "+
			"make them with: head -c 32 /dev/urandom | base64 (or pass --insecure to have no keys)", pepperVariable)
	}
	text, err := readSecret("key-pepper-file", path, logger)
	if err != nil {
		return nil, err
	}
	pepper, err := auth.ParsePepper(text)
	if err != nil {
		return nil, usageError("key-pepper-file %s: %w", path, err)
	}
	return &pepper, nil
}

// makePepper makes a file with a pepper, which nobody else may read, unless it is there.
func makePepper(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong with it is told when it is read
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	_, text, err := auth.NewPepper(rand.Reader)
	if err != nil {
		return err
	}
	// Under another name first: a pepper that is there in part would be taken for all of it.
	next, err := os.OpenFile(path+".next", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make pepper: %w", err)
	}
	_, err = fmt.Fprintln(next, text)
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(path+".next", path)
	}
	if err != nil {
		return fmt.Errorf("make pepper %s: %w", path, err)
	}
	return nil
}

// maxSecretBytes bounds a file with a secret.
const maxSecretBytes = 64 << 10

// readSecret reads a file with a secret, and says so if others may read it too.
func readSecret(setting, path string, logger *slog.Logger) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxSecretBytes {
		err = fmt.Errorf("%s has %d bytes, at most %d are allowed", path, info.Size(), maxSecretBytes)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return "", usageError("%s: %w", setting, err)
	}
	if info.Mode().Perm()&0o004 != 0 {
		logger.Warn("everybody on this machine may read a secret", "setting", setting, "file", path)
	}
	return strings.TrimSpace(string(data)), nil
}

// readAdminKey reads the key's file; none is no key.
func readAdminKey(path string, logger *slog.Logger) (*auth.Credential, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readSecret("admin-key-file", path, logger)
	if err != nil {
		return nil, err
	}
	key, err := auth.ParseCredential(text)
	if err != nil {
		return nil, usageError("admin-key-file %s: %w; make one with: sagasu key generate", path, err)
	}
	return &key, nil
}

// sayFirstKey tells the first key, this once.
func (t *terminal) sayFirstKey(key string) {
	var b bytes.Buffer
	b.WriteString("\nThis is the first key of this cluster. It may do everything. It is shown this once, and stored nowhere:\n\n")
	b.WriteString("    " + key + "\n\n")
	b.WriteString("Commands take it from " + keyVariable + ", requests as the header Authorization: Bearer KEY.\n\n")
	// A failing stderr leaves nobody to tell; an admin-key-file lets the operator in then.
	_, _ = t.err.Write(b.Bytes())
}

// newAuditLog opens the audit log; nil if there is to be none.
func newAuditLog(conf *configuration, p *process, node string) (*auditlog.Log, error) {
	cfg := auditlog.Default()
	cfg.Dir, cfg.Node, cfg.Logger, cfg.Registry = conf.get("audit-dir"), node, p.logger, p.registry
	switch cfg.Dir {
	case auditOff:
		return nil, nil
	case "":
		cfg.Dir = filepath.Join(conf.get("data-dir"), "audit")
	}
	// What people do is not for everybody on the machine.
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of the audit log: %w", err)
	}
	return auditlog.Open(cfg)
}
