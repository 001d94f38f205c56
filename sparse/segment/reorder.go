package segment

import (
	"errors"
	"fmt"

	"sagasu/sparse/reorder"
)

// origin is where a new document comes from.
type origin struct {
	input, doc uint32
}

// reorder puts documents that share terms beside each other: gaps get shorter, and so do the stretches of documents in
// which a list has high impacts.
func (b *builder) reorder() error {
	ordinals := make([][][]uint32, len(b.plan.Shapes)) // by field, input, ordinal there
	terms := uint32(0)
	var fields []int
	for field, shape := range b.plan.Shapes {
		if shape != ShapeText {
			continue
		}
		var err error
		if ordinals[field], terms, err = b.unite(field, terms); err != nil {
			return fmt.Errorf("field %d: %w", field, err)
		}
		fields = append(fields, field)
	}
	var own []uint32
	forward := func(dst []uint32, doc uint32) []uint32 {
		from := b.sequence[doc]
		for _, field := range fields {
			own = b.inputs[from.input].Source.Field(field).Forward(own[:0], from.doc)
			to := ordinals[field][from.input]
			for _, t := range own {
				if int(t) < len(to) {
					dst = append(dst, to[t])
				}
			}
		}
		return dst
	}
	cfg := reorder.Default()
	cfg.Abort = b.plan.Abort
	order, err := reorder.Permute(b.docs, terms, forward, cfg)
	if errors.Is(err, reorder.ErrAborted) {
		return nil // whoever waits for the end gets the documents as they came
	}
	if err != nil {
		return fmt.Errorf("order documents: %w", err)
	}
	sequence := make([]origin, len(order))
	for to, from := range order {
		o := b.sequence[from]
		sequence[to] = o
		b.maps[o.input][o.doc] = uint32(to)
	}
	b.sequence = sequence
	return nil
}

// unite gives the keys of a field numbers from the one given on, equal keys of all inputs the same, and the number after.
func (b *builder) unite(field int, next uint32) (ordinals [][]uint32, after uint32, err error) {
	ordinals = make([][]uint32, len(b.inputs))
	entries := make([]Entries, len(b.inputs))
	for i, in := range b.inputs {
		entries[i] = in.Source.Field(field).Entries()
	}
	err = mergeKeys(entries, func(_ []byte, holders []int) error {
		for _, i := range holders {
			ordinals[i] = append(ordinals[i], next)
		}
		next++
		return nil
	})
	return ordinals, next, err
}
