package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sagasu/coordinator"
	"sagasu/coordinator/snapshots"
)

// maxCredentials bounds the file of credentials.
const maxCredentials = 1 << 20

// The variables that S3 credentials without a name are taken from, as other programs do.
const (
	accessKeyVariable = "AWS_ACCESS_KEY_ID"
	secretKeyVariable = "AWS_SECRET_ACCESS_KEY"
	sessionVariable   = "AWS_SESSION_TOKEN"
)

// snapshotSettings say what a node may use for snapshots.
func snapshotSettings() []setting {
	return []setting{
		{
			"snapshot-dirs", "", "directories that repositories of snapshots may be in or below, separated by commas; without " +
				"any none may", checkDirs,
		},
		{
			"s3-credentials-file", "", `file with {"NAME": {"access_key": .., "secret_key": ..}}, by the name that ` +
				"repositories call them; without a name they are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", nil,
		},
	}
}

func snapshotDirs(v string) (dirs []string) {
	for dir := range strings.SplitSeq(v, ",") {
		if dir = strings.TrimSpace(dir); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func checkDirs(v string) error {
	for _, dir := range snapshotDirs(v) {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
			return fmt.Errorf("%q is no absolute path as short as can be", dir)
		}
	}
	return nil
}

// configureSnapshots takes the settings over.
func configureSnapshots(conf *configuration, cfg *coordinator.Config) error {
	cfg.SnapshotDirs = snapshotDirs(conf.get("snapshot-dirs"))
	cfg.S3Credentials = map[string]snapshots.Credentials{}
	if key, secret := os.Getenv(accessKeyVariable), os.Getenv(secretKeyVariable); key != "" && secret != "" {
		cfg.S3Credentials[""] = snapshots.Credentials{
			AccessKey: key, SecretKey: secret, Session: os.Getenv(sessionVariable),
		}
	}
	path := conf.get("s3-credentials-file")
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return usageError("s3-credentials-file: %w", err)
	}
	if info.Size() > maxCredentials {
		return usageError("s3-credentials-file: %s has %d bytes, at most %d are allowed", path, info.Size(), maxCredentials)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return usageError("s3-credentials-file: %w", err)
	}
	var named map[string]snapshots.Credentials
	// Errors of the decoder may quote what is in the file.
	if json.Unmarshal(data, &named) != nil {
		return usageError(`s3-credentials-file: %s is not of the form {"NAME": {"access_key": "..", "secret_key": ".."}}`, path)
	}
	for name, c := range named {
		if c.AccessKey == "" || c.SecretKey == "" {
			return usageError("s3-credentials-file: %q in %s has no access_key or no secret_key", name, path)
		}
		cfg.S3Credentials[name] = c
	}
	return nil
}
