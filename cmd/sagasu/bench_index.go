package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// What is in the directory of an index to measure, and its fields.
const (
	benchMark       = "corpus.sha256"
	benchIndexDir   = "index"
	benchTextField  = "text"
	benchShareField = "share"
)

// benchBatch is the number of documents applied at a time, as a bulk request brings them.
const benchBatch = 1000

// benchTold is the number of documents after which progress is told.
const benchTold = 100_000

// index opens the corpus's index in a directory; it is built unless it is there.
func (b *bench) index(ctx context.Context, dir string) (*sparse.Index, error) {
	f, err := os.Open(b.corpus)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return nil, fmt.Errorf("read corpus %s: %w", b.corpus, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read corpus %s: %w", b.corpus, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	mark, at := filepath.Join(dir, benchMark), filepath.Join(dir, benchIndexDir)
	have, err := os.ReadFile(mark)
	switch {
	case err == nil && string(bytes.TrimSpace(have)) == sum:
		b.tell("index in %s is of this corpus", dir)
		return openBench(at)
	case errors.Is(err, fs.ErrNotExist):
		// Nothing of the user's is replaced.
		if others, err := os.ReadDir(dir); err == nil && len(others) > 0 {
			return nil, fmt.Errorf("--dir %s is neither empty nor an earlier run's", dir)
		}
	case err != nil:
		return nil, fmt.Errorf("read mark of index: %w", err)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(mark, []byte("unfinished\n"), 0o644),
		os.RemoveAll(at)); err != nil {
		return nil, fmt.Errorf("make index in %s: %w", dir, err)
	}
	index, err := openBench(at)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, index, f); err != nil {
		return nil, errors.Join(err, index.Close())
	}
	if err := os.WriteFile(mark, []byte(sum+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("mark index: %w", err), index.Close())
	}
	return index, nil
}

func openBench(dir string) (*sparse.Index, error) {
	cfg := sparse.Default()
	cfg.FS, cfg.Dir = vfs.OS(), dir
	cfg.Analyzers = analysis.NewRegistry()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Schema = api.Schema{Fields: map[string]api.Field{
		benchTextField:  {Type: api.TypeText, Analyzer: api.DefaultAnalyzer},
		benchShareField: {Type: api.TypeKeyword},
	}}
	index, err := sparse.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	return index, nil
}

// fill writes the corpus and merges it into one segment.
func (b *bench) fill(ctx context.Context, index *sparse.Index, corpus io.Reader) error {
	scanner := bufio.NewScanner(corpus)
	scanner.Buffer(nil, benchLine)
	var writes []api.Write
	docs, batches := 0, uint64(0)
	apply := func() error {
		batches++
		if _, err := index.Apply(sparse.Batch{Index: batches, Writes: writes}); err != nil {
			return fmt.Errorf("index documents before line %d of %s: %w", docs+1, b.corpus, err)
		}
		writes = nil
		return ctx.Err()
	}
	for ; scanner.Scan(); docs++ {
		var document struct{ Title, Text string }
		if err := json.Unmarshal(scanner.Bytes(), &document); err != nil {
			return fmt.Errorf("read corpus %s: line %d: %w", b.corpus, docs+1, err)
		}
		writes = append(writes, benchWrite(docs, document.Title+" "+document.Text))
		if len(writes) == benchBatch {
			if err := apply(); err != nil {
				return err
			}
		}
		if (docs+1)%benchTold == 0 {
			b.tell("%d documents indexed", docs+1)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read corpus %s: line %d: %w", b.corpus, docs+1, err)
	}
	if docs == 0 {
		return fmt.Errorf("read corpus: %s has no documents", b.corpus)
	}
	if err := apply(); err != nil {
		return err
	}
	b.tell("%d documents indexed, merging", docs)
	if err := index.Compact(ctx); err != nil {
		return fmt.Errorf("merge index: %w", err)
	}
	return nil
}

// benchWrite is a document of the corpus, in the filters that bench/peers would have it in.
func benchWrite(number int, text string) api.Write {
	place := int(uint32(number) * 2654435761 >> 8 % 100)
	doc := api.Document{ID: strconv.Itoa(number), Source: []byte("{}")}
	var shares []string
	for _, share := range benchShares() {
		if place < share {
			shares = append(shares, strconv.Itoa(share))
		}
	}
	if shares != nil {
		doc.Values = append(doc.Values, api.Value{Field: benchShareField, Strings: shares})
	}
	words := strings.Join(benchTokens(text), " ")
	doc.Values = append(doc.Values, api.Value{Field: benchTextField, Strings: []string{words}})
	return api.Write{Kind: api.OpIndex, Doc: doc}
}
