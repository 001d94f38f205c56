package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"sagasu/coordinator/state"
	"sagasu/internal/vfs"
)

// StateFile is the name of the file that holds the state, in the metadata directory and in what
// Checkpoint writes.
const StateFile = "metadata.state"

// stateFileNext is what StateFile is written as.
const stateFileNext = StateFile + ".next"

// The frame of the file: magic, version (u32 LE), length of the body (u64 LE), CRC-32C of the body
// (u32 LE), body.
const (
	fileMagic   = "SGMETA\r\n"
	fileVersion = 1
	frameBytes  = len(fileMagic) + 4 + 8 + 4
)

// ErrCorrupt is returned when the metadata file is truncated or its checksum does not match.
var ErrCorrupt = errors.New("corrupt metadata file")

func frame(body []byte) []byte {
	out := make([]byte, 0, frameBytes+len(body))
	out = append(out, fileMagic...)
	out = binary.LittleEndian.AppendUint32(out, fileVersion)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(body)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, body...)
}

func unframe(data []byte) ([]byte, error) {
	if len(data) < frameBytes || string(data[:len(fileMagic)]) != fileMagic {
		return nil, fmt.Errorf("%w: no header in %d bytes", ErrCorrupt, len(data))
	}
	head, body := data[len(fileMagic):frameBytes], data[frameBytes:]
	if v := binary.LittleEndian.Uint32(head); v != fileVersion {
		return nil, fmt.Errorf("file version %d, this build reads %d: %w", v, fileVersion, state.ErrNewerFormat)
	}
	if n := binary.LittleEndian.Uint64(head[4:]); n != uint64(len(body)) {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrCorrupt, len(body), n)
	}
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	if want := binary.LittleEndian.Uint32(head[12:]); sum != want {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrCorrupt, sum, want)
	}
	return body, nil
}

// replace writes the state's file of a directory beside its predecessor, and then takes its place in one
// step.
func replace(fsys vfs.FS, dir string, data []byte) (err error) {
	path, next := filepath.Join(dir, StateFile), filepath.Join(dir, stateFileNext)
	file, err := fsys.Create(next)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(next, path); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
