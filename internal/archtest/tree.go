package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// binaryProbe is how much of a file is looked at for a zero byte, which no text has.
const binaryProbe = 8 << 10

// File is a text file of the repository.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	Text string
}

// Files reads the text files under root, in lexical order, without what is built or downloaded: hidden
// directories other than .ci, bin and testdata. Logs and sockets of a running demo are thereby left out.
func Files(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			hidden := strings.HasPrefix(name, ".") && name != ".ci"
			if path != root && (hidden || name == "bin" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read repository: %w", err)
		}
		if bytes.IndexByte(data[:min(len(data), binaryProbe)], 0) >= 0 {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return fmt.Errorf("read repository: %w", err)
		}
		files = append(files, File{Path: filepath.ToSlash(relative), Text: string(data)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}
