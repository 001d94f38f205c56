package sparse

import (
	"fmt"
	"strings"
)

// The names of files in an index's directory.
const (
	lockName         = "LOCK"
	manifestName     = "MANIFEST"
	manifestTempName = "MANIFEST.tmp"
	segmentSuffix    = ".seg"
)

// segmentName names the segment file with the number.
func segmentName(number uint64) string { return fmt.Sprintf("%012d%s", number, segmentSuffix) }

// isSegmentName reports whether a file is a segment.
func isSegmentName(name string) bool { return strings.HasSuffix(name, segmentSuffix) }
