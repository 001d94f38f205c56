package replica

import "fmt"

// What a generation entry does.
const (
	// generationBegin adds a generation.
	generationBegin byte = 1
	// generationEnd drops one with its vectors.
	generationEnd byte = 2
	// generationAnew has all documents looked at once more: those without a vector are embedded.
	generationAnew byte = 3
)

// generationChange is an entry about a generation of vectors.
type generationChange struct {
	what         byte
	number, dims int
}

func encodeGeneration(c generationChange) []byte {
	e := encoder{}
	e.byte(c.what)
	e.uint(uint64(c.number))
	e.uint(uint64(c.dims))
	return e.buf
}

func decodeGeneration(payload []byte) (generationChange, error) {
	d := newDecoder(payload)
	c := generationChange{what: d.byte(), number: d.small(), dims: d.small()}
	if c.what < generationBegin || c.what > generationAnew {
		d.fail("change of a generation")
	}
	if err := d.end(); err != nil {
		return c, fmt.Errorf("decode generation: %w", err)
	}
	return c, nil
}

func encodeMove(m *consumerMove) []byte {
	e := encoder{}
	e.str(m.name)
	e.bool(m.reset)
	e.uint(m.epoch)
	e.uint(m.version)
	e.uint(m.deletes)
	e.str(m.identity)
	e.againKeys(m.settled)
	return e.buf
}

func decodeMove(payload []byte) (*consumerMove, error) {
	d := newDecoder(payload)
	m := &consumerMove{
		name: d.str(), reset: d.bool(), epoch: d.uint(), version: d.uint(), deletes: d.uint(), identity: d.str(),
		settled: d.againKeys(),
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode progress of a consumer: %w", err)
	}
	return m, nil
}

// again is an entry that has documents looked at again.
type again struct {
	generation int
	// repair asks the consumers to look at them too, not only for vectors that are missing.
	repair bool
	ids    []string
}

func encodeAgain(a again) []byte {
	e := encoder{}
	e.uint(uint64(a.generation))
	e.bool(a.repair)
	e.uint(uint64(len(a.ids)))
	for _, id := range a.ids {
		e.str(id)
	}
	return e.buf
}

func decodeAgain(payload []byte) (again, error) {
	d := newDecoder(payload)
	a := again{generation: d.small(), repair: d.bool()}
	for range d.count(1) {
		a.ids = append(a.ids, d.str())
	}
	if err := d.end(); err != nil {
		return a, fmt.Errorf("decode documents to look at again: %w", err)
	}
	return a, nil
}
