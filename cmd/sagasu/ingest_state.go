package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sagasu/internal/source"
)

// ingestStateVersion is the version of the file that this program writes, and the only one it reads.
const ingestStateVersion = 1

// sentFile is what was sent of one file.
type sentFile struct {
	// Path is absolute.
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Checksum string    `json:"sha256"`
	// Options tells by which options it was read.
	Options string `json:"options"`
	// Failed says that not all was taken: it is sent again.
	Failed bool `json:"failed,omitempty"`
	// IDs are those of its documents, Stale those of documents that it held before and that are not deleted yet.
	IDs   []string `json:"ids"`
	Stale []string `json:"stale,omitempty"`
	// Gone says that its documents are deleted.
	Gone bool `json:"gone,omitempty"`
}

// ingestHeader is the first line of the file.
type ingestHeader struct {
	Version int    `json:"version"`
	Index   string `json:"index"`
}

// ingestState remembers what was sent to an index: a file of a line for each file, of which the last one counts. A line
// that a crash has cut off is passed over: what it told of is sent again. Its methods may be called concurrently.
type ingestState struct {
	path string
	// other says that what was remembered was of another index.
	other bool

	mu    sync.Mutex
	files map[string]sentFile
	// out is nil where nothing is written.
	out *os.File
}

// openIngestState reads the file of a state, which need not be there, and makes it ready to go on, unless it is only
// read.
func openIngestState(path, index string, readOnly bool) (*ingestState, error) {
	s := &ingestState{path: path, files: map[string]sentFile{}}
	if err := s.read(index); err != nil {
		return nil, usageError("--state %s: %w", path, err)
	}
	if readOnly {
		return s, nil
	}
	if err := s.rewrite(ingestHeader{ingestStateVersion, index}); err != nil {
		return nil, fmt.Errorf("write state: %w", err)
	}
	return s, nil
}

func (s *ingestState) read(index string) error {
	in, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.readLines(bufio.NewReaderSize(in, 1<<20), index)
	return errors.Join(err, in.Close())
}

func (s *ingestState) readLines(in *bufio.Reader, index string) error {
	var header ingestHeader
	first, err := in.ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF) && len(bytes.TrimSpace(first)) == 0:
		return nil
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case json.Unmarshal(first, &header) != nil || header.Version == 0:
		return errors.New("is no file of what was sent")
	case header.Version != ingestStateVersion:
		return fmt.Errorf("has version %d, this program reads %d", header.Version, ingestStateVersion)
	case header.Index != index:
		s.other = true
		return nil
	}
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var sent sentFile
		if json.Unmarshal(line, &sent) != nil || sent.Path == "" {
			continue
		}
		s.put(sent)
	}
}

func (s *ingestState) put(sent sentFile) {
	if sent.Gone {
		delete(s.files, sent.Path)
		return
	}
	s.files[sent.Path] = sent
}

// rewrite replaces the file by one without what no longer counts, and opens it to go on.
func (s *ingestState) rewrite(header ingestHeader) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	encode := json.NewEncoder(w)
	err = encode.Encode(header)
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		err = errors.Join(err, encode.Encode(s.files[path]))
	}
	if err = errors.Join(err, w.Flush(), out.Sync()); err == nil {
		err = os.Rename(out.Name(), s.path)
	}
	if err != nil {
		return errors.Join(err, out.Close(), os.Remove(out.Name()))
	}
	s.out = out
	return nil
}

// sent gives what was sent of a file.
func (s *ingestState) sent(path string) (sentFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent, ok := s.files[absolute(path)]
	return sent, ok
}

// note remembers that a file is sent, or gone.
func (s *ingestState) note(sent sentFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(sent)
	if s.out == nil {
		return nil
	}
	line, err := json.Marshal(sent)
	if err == nil {
		_, err = s.out.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write state %s: %w", s.path, err)
	}
	return nil
}

func (s *ingestState) close() error {
	if s == nil || s.out == nil {
		return nil
	}
	if err := errors.Join(s.out.Sync(), s.out.Close()); err != nil {
		return fmt.Errorf("write state %s: %w", s.path, err)
	}
	return nil
}

// missing gives what was sent of files under the roots that are there no more. Files that are only not looked for,
// as by --glob, are not among them.
func (s *ingestState) missing(found []*source.File, roots []source.Root) ([]sentFile, error) {
	if len(found) == 0 {
		return nil, errors.New("no file was found: nothing is deleted, in case a disk is not there")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []sentFile
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		if !slices.ContainsFunc(roots, func(r source.Root) bool { return under(path, r) }) {
			continue
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, s.files[path])
		}
	}
	return gone, nil
}

// stale gives what was sent of files under the roots that hold less than before.
func (s *ingestState) stale(found []*source.File) []sentFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var files []sentFile
	for _, f := range found {
		if sent := s.files[absolute(f.Path)]; len(sent.Stale) > 0 {
			files = append(files, sent)
		}
	}
	return files
}

// under reports whether an absolute path lies in the directory of a root.
func under(path string, root source.Root) bool {
	dir := absolute(root.Path)
	const separator = string(filepath.Separator)
	return root.File == "" && strings.HasPrefix(path, strings.TrimSuffix(dir, separator)+separator)
}

// kept gives the ids of the documents of all files that are remembered, but for some.
func (s *ingestState) kept(but []sentFile) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[string]bool{}
	for _, sent := range but {
		gone[sent.Path] = true
	}
	ids := map[string]bool{}
	for path, sent := range s.files {
		if gone[path] {
			continue
		}
		for _, id := range sent.IDs {
			ids[id] = true
		}
	}
	return ids
}

// absolute gives an absolute path, or the path itself where there is no present directory.
func absolute(path string) string {
	full, err := filepath.Abs(filepath.FromSlash(path))
	if err != nil {
		return path
	}
	return full
}

// digest is a short checksum of texts.
func digest(parts ...string) string {
	hash := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(p), p) // a hash takes all there is
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8])
}
