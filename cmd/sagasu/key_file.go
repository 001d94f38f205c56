package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// readClientKey reads a file with a key or a token.
func readClientKey(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", usageError("read the key: %w", err)
	}
	key := strings.TrimSpace(string(data))
	if key == "" || strings.ContainsAny(key, "\r\n") {
		return "", usageError("%s does not hold a key on one line", path)
	}
	return key, nil
}

// writeSecret makes a file that its owner alone may read; one that is there is not replaced.
func writeSecret(path, secret string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	_, err = fmt.Fprintln(file, secret)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write the key to %s: %w", path, err)
	}
	return nil
}
