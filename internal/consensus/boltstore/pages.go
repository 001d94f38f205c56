package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// bbolt trusts its pages: a wrong offset makes it panic, in a goroutine of its own when it rebuilds the free list,
// or read outside the mapping. So the pages are checked before bbolt sees the file. What follows is bbolt's file
// format 2: pages of a header (id u64, flags u16, count u16, overflow u32) and elements of 16 bytes, integers in the
// machine's byte order, the two first pages holding alternating meta records.
const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	pageHeader   = 16
	elementSize  = 16
	metaSize     = 64
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagSubtree  = 0x01 // of a leaf's element: its value is a bucket
	bucketHeader = 16
)

// pageCheck walks the tree of pages of one file.
type pageCheck struct {
	file     io.ReaderAt
	pageSize uint64
	pages    uint64 // pages below the high-water mark
	seen     map[uint64]bool
}

// checkFile takes the file's lock for as long as it checks every page that can be reached.
func checkFile(path string, lockTimeout time.Duration) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open raft log %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // closing gives up the lock
	if err := lockFile(f, lockTimeout); err != nil {
		return fmt.Errorf("open raft log in directory %s: %w", filepath.Dir(path), err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open raft log %s: %w", path, err)
	}
	if err := checkPages(f, uint64(info.Size())); err != nil {
		return fmt.Errorf("check pages of %s: %w", path, err)
	}
	return nil
}

// lockFile takes a shared lock, which bbolt's exclusive one excludes.
func lockFile(f *os.File, timeout time.Duration) error {
	const pause = 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock file: %w", err)
		}
		if waited >= timeout {
			return ErrLocked
		}
		time.Sleep(pause)
	}
}

func corruptPage(id uint64, format string, args ...any) error {
	return fmt.Errorf("page %d %s: %w", id, fmt.Sprintf(format, args...), ErrCorrupt)
}

// checkPages checks the tree under the newest valid meta record.
func checkPages(file io.ReaderAt, size uint64) error {
	meta, pageSize, err := newestMeta(file)
	if err != nil {
		return err
	}
	c := &pageCheck{file: file, pageSize: pageSize, seen: map[uint64]bool{0: true, 1: true}}
	c.pages = binary.NativeEndian.Uint64(meta[40:])
	if c.pages < 3 || c.pages > size/pageSize {
		return fmt.Errorf("file of %d bytes is shorter than its %d pages: %w", size, c.pages, ErrCorrupt)
	}
	return c.tree(binary.NativeEndian.Uint64(meta[16:]), 0, span{})
}

// newestMeta gives the valid meta record with the highest transaction, as bbolt chooses it.
func newestMeta(file io.ReaderAt) (meta []byte, pageSize uint64, err error) {
	for size := uint64(512); size <= 64<<10; size <<= 1 {
		for _, offset := range []uint64{0, size} {
			raw := make([]byte, metaSize)
			if _, err := file.ReadAt(raw, int64(offset+pageHeader)); err != nil {
				continue // a short file: the other record or the check below tells
			}
			if !validMeta(raw, size) {
				continue
			}
			if meta == nil || binary.NativeEndian.Uint64(raw[48:]) > binary.NativeEndian.Uint64(meta[48:]) {
				meta, pageSize = raw, size
			}
		}
	}
	if meta == nil {
		return nil, 0, fmt.Errorf("no valid meta page: %w", ErrCorrupt)
	}
	return meta, pageSize, nil
}

func validMeta(raw []byte, pageSize uint64) bool {
	sum := fnv.New64a()
	sum.Write(raw[:56]) //nolint:errcheck // a hash never fails to be written to
	return binary.NativeEndian.Uint32(raw) == boltMagic && binary.NativeEndian.Uint32(raw[4:]) == boltVersion &&
		uint64(binary.NativeEndian.Uint32(raw[8:])) == pageSize && binary.NativeEndian.Uint64(raw[56:]) == sum.Sum64()
}

// span bounds the keys below a page: low <= key < high, nil for no bound.
type span struct{ low, high []byte }

// tree checks page id and what hangs below it.
func (c *pageCheck) tree(id uint64, depth int, keys span) error {
	page, err := c.read(id, depth)
	if err != nil {
		return err
	}
	return c.page(id, page, depth, keys)
}

// read gives a whole page with its overflow.
func (c *pageCheck) read(id uint64, depth int) ([]byte, error) {
	if id < 2 || id >= c.pages || depth > maxDepth {
		return nil, corruptPage(id, "is outside the file's %d pages or too deep", c.pages)
	}
	head := make([]byte, pageHeader)
	if _, err := c.file.ReadAt(head, int64(id*c.pageSize)); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || more >= c.pages-id {
		return nil, corruptPage(id, "has a wrong header")
	}
	for n := id; n <= id+more; n++ {
		if c.seen[n] {
			return nil, corruptPage(n, "is used twice")
		}
		c.seen[n] = true
	}
	page := make([]byte, (more+1)*c.pageSize)
	if _, err := c.file.ReadAt(page, int64(id*c.pageSize)); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	return page, nil
}

// page checks the elements of a page, or of a page inside a bucket's value.
func (c *pageCheck) page(id uint64, page []byte, depth int, within span) error {
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	if flags != flagBranch && flags != flagLeaf || flags == flagBranch && count == 0 {
		return corruptPage(id, "has flags %#x and %d elements", flags, count)
	}
	if pageHeader+count*elementSize > len(page) {
		return corruptPage(id, "has no room for %d elements", count)
	}
	keys := make([][]byte, count, count+1)
	for i := range keys {
		key, ok := elementKey(page, i, flags)
		if !ok || len(key) == 0 {
			return corruptPage(id, "has a key outside of it at element %d", i)
		}
		low := within.low
		if i > 0 {
			low = keys[i-1]
		}
		order := bytes.Compare(low, key)
		if order > 0 || i > 0 && order == 0 || within.high != nil && bytes.Compare(key, within.high) >= 0 {
			return corruptPage(id, "has keys out of order at element %d", i)
		}
		keys[i] = key
	}
	keys = append(keys, within.high)
	for i := range count {
		if err := c.element(id, page, i, flags, depth, span{keys[i], keys[i+1]}); err != nil {
			return err
		}
	}
	return nil
}

// elementKey gives the key of element i.
func elementKey(page []byte, i int, flags uint16) ([]byte, bool) {
	at := pageHeader + i*elementSize
	if flags == flagBranch {
		return cut(page, at, binary.NativeEndian.Uint32(page[at:]), binary.NativeEndian.Uint32(page[at+4:]))
	}
	return cut(page, at, binary.NativeEndian.Uint32(page[at+4:]), binary.NativeEndian.Uint32(page[at+8:]))
}

// element checks what element i refers to, whose keys are within keys.
func (c *pageCheck) element(id uint64, page []byte, i int, flags uint16, depth int, keys span) error {
	at := pageHeader + i*elementSize
	e := page[at : at+elementSize]
	if flags == flagBranch {
		return c.tree(binary.NativeEndian.Uint64(e[8:]), depth+1, keys)
	}
	value, ok := cut(page, at+len(keys.low), binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[12:]))
	if !ok {
		return corruptPage(id, "has a value outside of it at element %d", i)
	}
	switch binary.NativeEndian.Uint32(e) {
	case 0:
		return nil
	case flagSubtree:
		return c.bucket(id, value, depth)
	default:
		return corruptPage(id, "has unknown flags at element %d", i)
	}
}

// bucket checks the bucket stored in a leaf's value: a root page, or a whole page following the header.
func (c *pageCheck) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return corruptPage(id, "has a bucket of %d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.tree(root, depth+1, span{})
	}
	if len(value) < bucketHeader+pageHeader || binary.NativeEndian.Uint16(value[bucketHeader+8:]) != flagLeaf {
		return corruptPage(id, "has a malformed bucket inside")
	}
	return c.page(id, value[bucketHeader:], depth+1, span{})
}

// cut gives size bytes at base+pos, and false when they reach outside the page.
func cut(page []byte, base int, pos, size uint32) ([]byte, bool) {
	from := uint64(base) + uint64(pos)
	if from+uint64(size) > uint64(len(page)) {
		return nil, false
	}
	return page[from : from+uint64(size)], true
}
