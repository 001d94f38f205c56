package coordinator

import "golang.org/x/sys/unix"

// diskLoad gives how full the file system of a directory is, in percent and in free bytes, both rounded so
// that they change rarely; zeros if that can't be told.
func diskLoad(dir string) (usedPercent int, freeBytes uint64) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 {
		return 0, 0
	}
	const coarse = 1 << 30
	used := s.Blocks - min(s.Bfree, s.Blocks)
	// As df has it: what is kept for root is neither used nor free.
	percent := 100 * used / max(used+s.Bavail, 1)
	return int(percent), s.Bavail * uint64(s.Bsize) / coarse * coarse
}

// diskSpace gives the size of the file system of a directory, without what is kept for root, and what is free of it, in
// bytes; zeros if that can't be told.
func diskSpace(dir string) (total, free uint64) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0
	}
	used := s.Blocks - min(s.Bfree, s.Blocks)
	return (used + s.Bavail) * uint64(s.Bsize), s.Bavail * uint64(s.Bsize)
}
