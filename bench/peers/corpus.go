package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// shares are the percentages of documents that filters select.
func shares() []int { return []int{1, 10, 50} }

// prepare writes a corpus of JSON Lines (id, title, text), plain or zstd, as the engines read it: per line the
// document's number, the filters that select it, and its tokens. It gives the number of documents, at most limit
// (0 for all).
func prepare(corpus, into string, limit int) (int, error) {
	in, err := os.Open(corpus)
	if err != nil {
		return 0, fmt.Errorf("open corpus: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	var lines io.Reader = in
	if strings.HasSuffix(corpus, ".zst") {
		unpacked, err := zstd.NewReader(in)
		if err != nil {
			return 0, fmt.Errorf("open corpus: %w", err)
		}
		defer unpacked.Close()
		lines = unpacked
	}
	out, err := os.Create(into)
	if err != nil {
		return 0, fmt.Errorf("write corpus: %w", err)
	}
	n, err := convert(lines, out, limit)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return 0, fmt.Errorf("prepare corpus %s: %w", corpus, err)
	}
	return n, nil
}

func convert(lines io.Reader, out io.Writer, limit int) (int, error) {
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(make([]byte, 1<<20), 64<<20)
	w := bufio.NewWriterSize(out, 1<<20)
	n := 0
	for ; scanner.Scan() && (limit == 0 || n < limit); n++ {
		var document struct{ Title, Text string }
		if err := json.Unmarshal(scanner.Bytes(), &document); err != nil {
			return 0, fmt.Errorf("line %d: %w", n+1, err)
		}
		if _, err := fmt.Fprintf(w, "%d\t%s\t", n, shareNames(n)); err != nil {
			return 0, err
		}
		tokens := append(tokenize(document.Title), tokenize(document.Text)...)
		if _, err := fmt.Fprintln(w, strings.Join(tokens, " ")); err != nil {
			return 0, err
		}
	}
	if err := scanner.Err(); err != nil {
		return 0, err
	}
	return n, w.Flush()
}

// shareNames names the filters that select a document, by a number that has nothing to do with its text.
func shareNames(number int) string {
	at := int(uint32(number) * 2654435761 >> 8 % 100)
	var names []string
	for _, share := range shares() {
		if at < share {
			names = append(names, fmt.Sprint(share))
		}
	}
	return strings.Join(names, " ")
}

// tokenize gives the runs of ASCII letters and digits, in lower case. All engines get the result between spaces:
// what is compared is search, not analysis.
func tokenize(text string) []string {
	return strings.Fields(string(bytes.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return ' '
	}, []byte(text))))
}
