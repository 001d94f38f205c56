package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"sagasu/coordinator/state"
	"sagasu/internal/vfs"
)

// The file that keeps a follower's view: magic, CRC-32C of the body (u32 LE), body as View.Encode gives it.
const (
	cacheFile     = "view.cache"
	cacheFileNext = cacheFile + ".next"
	cacheMagic    = "SGVIEW1\n"
)

// ErrCache is returned when the kept view is damaged; it can be removed, and is fetched again.
var ErrCache = errors.New("damaged copy of the metadata")

// readCache gives the view that was kept, an empty one if there is none.
func readCache(fsys vfs.FS, dir string) (*state.View, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("make metadata directory: %w", err)
	}
	path := filepath.Join(dir, cacheFile)
	data, err := fsys.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return state.New().View(), nil
	case err != nil:
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	head := len(cacheMagic) + 4
	if len(data) < head || string(data[:len(cacheMagic)]) != cacheMagic {
		return nil, fmt.Errorf("read %s: %w: no header", path, ErrCache)
	}
	body := data[head:]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(data[len(cacheMagic):]) {
		return nil, fmt.Errorf("read %s: %w: wrong checksum", path, ErrCache)
	}
	v, err := state.DecodeView(body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}

// writeCache keeps a view.
func writeCache(fsys vfs.FS, dir string, v *state.View) error {
	body, err := v.Encode()
	if err != nil {
		return err
	}
	data := binary.LittleEndian.AppendUint32([]byte(cacheMagic),
		crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return vfs.Replace(fsys, filepath.Join(dir, cacheFile), append(data, body...))
}
