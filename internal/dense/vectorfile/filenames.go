package vectorfile

import (
	"fmt"
	"strings"
)

const (
	lockName = "LOCK"
	tmpExt   = ".tmp"
	fileExt  = ".flat"
)

// fileName names the file that covers these flushes.
func fileName(first, last uint64) string {
	return fmt.Sprintf("vectors-%016x-%016x%s", first, last, fileExt)
}

// parseFileName is the reverse of fileName.
func parseFileName(name string) (first, last uint64, ok bool) {
	if !strings.HasSuffix(name, fileExt) {
		return 0, 0, false
	}
	if _, err := fmt.Sscanf(name, "vectors-%016x-%016x"+fileExt, &first, &last); err != nil {
		return 0, 0, false
	}
	return first, last, fileName(first, last) == name
}
