package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sagasu/bench/quality"
)

// vectorSource gives the documents of a load their vectors, in the order of the lines. Without a
// directory it leaves lines as they are.
type vectorSource struct {
	rows  [][]float32
	given bool
	next  int
}

func openVectors(dir string) (*vectorSource, error) {
	if dir == "" {
		return &vectorSource{}, nil
	}
	v, err := quality.ReadVectors(dir, quality.Passages)
	if err != nil {
		return nil, fmt.Errorf("--vectors: %w", err)
	}
	return &vectorSource{rows: v.Rows, given: true}, nil
}

var errNoObject = errors.New("not a JSON object")

// join gives the line with the next vector as its member "vector".
func (s *vectorSource) join(line []byte) ([]byte, error) {
	if !s.given {
		return line, nil
	}
	if s.next == len(s.rows) {
		return nil, fmt.Errorf("there are only %d vectors", len(s.rows))
	}
	head, ok := bytes.CutSuffix(bytes.TrimSpace(line), []byte("}"))
	if !ok {
		return nil, errNoObject
	}
	head = bytes.TrimSpace(head)
	out := append(make([]byte, 0, len(head)+6*len(s.rows[s.next])+16), head...)
	if !bytes.HasSuffix(head, []byte("{")) {
		out = append(out, ',')
	}
	raw := make([]byte, 0, 4*len(s.rows[s.next]))
	for _, f := range s.rows[s.next] {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	s.next++
	out = append(out, `"vector":"`...)
	out = base64.StdEncoding.AppendEncode(out, raw)
	return append(out, `"}`...), nil
}

// end refuses vectors left over: they would be those of other documents.
func (s *vectorSource) end(lines int) error {
	if s.given && s.next != len(s.rows) {
		return fmt.Errorf("%d vectors for %d documents", len(s.rows), lines)
	}
	return nil
}
