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
	var u union
	for field, shape := range b.plan.Shapes {
		if shape != ShapeText {
			continue
		}
		if err := u.add(b, field); err != nil {
			return fmt.Errorf("field %d: %w", field, err)
		}
	}
	cfg := reorder.Default()
	cfg.Abort = func() bool {
		b.plan.pause()
		return u.err != nil || b.plan.Abort != nil && b.plan.Abort()
	}
	order, err := reorder.Permute(b.docs, u.freqs, func(wanted func(uint32) bool, visit func(uint32, []uint32) bool) {
		u.each(b, wanted, visit)
	}, cfg)
	switch {
	case u.err != nil:
		return fmt.Errorf("read lists: %w", u.err)
	case errors.Is(err, reorder.ErrAborted):
		return nil // whoever waits for the end gets the documents as they came
	case err != nil:
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

// union numbers the keys of the text fields of all inputs: equal keys of a field have the same number.
type union struct {
	fields []unitedField
	// freqs are the numbers of documents that stay, by number of the key.
	freqs []uint32
	docs  []uint32 // of the postings at hand
	err   error
}

type unitedField struct {
	ordinal int
	// numbers are the keys', by input and ordinal there.
	numbers [][]uint32
}

func (u *union) add(b *builder, field int) error {
	f := unitedField{field, make([][]uint32, len(b.inputs))}
	entries := make([]Entries, len(b.inputs))
	for i, in := range b.inputs {
		entries[i] = in.Source.Field(field).Entries()
	}
	err := mergeKeys(entries, func(_ []byte, holders []int) error {
		n := uint32(0)
		for _, i := range holders {
			f.numbers[i] = append(f.numbers[i], uint32(len(u.freqs)))
			p := entries[i].Postings()
			for p.NextBlock() {
				n += uint32(len(u.staying(p.Docs(), b.maps[i])))
			}
			if err := p.Err(); err != nil {
				return err
			}
		}
		u.freqs = append(u.freqs, n)
		return nil
	})
	u.fields = append(u.fields, f)
	return err
}

// staying gives the new numbers of the documents that are taken over, valid until the next call.
func (u *union) staying(docs, numbers []uint32) []uint32 {
	u.docs = u.docs[:0]
	for _, doc := range docs {
		if int(doc) < len(numbers) && numbers[doc] != Dropped {
			u.docs = append(u.docs, numbers[doc])
		}
	}
	return u.docs
}

// each is the reorder.Lists of the keys, input by input.
func (u *union) each(b *builder, wanted func(uint32) bool, visit func(uint32, []uint32) bool) {
	for _, f := range u.fields {
		for i, in := range b.inputs {
			e := in.Source.Field(f.ordinal).Entries()
			for _, number := range f.numbers[i] {
				if !e.Next() {
					break
				}
				if !wanted(number) {
					continue
				}
				p := e.Postings()
				for p.NextBlock() {
					if !visit(number, u.staying(p.Docs(), b.maps[i])) {
						return
					}
				}
				if u.err = p.Err(); u.err != nil {
					return
				}
			}
			if u.err = e.Err(); u.err != nil {
				return
			}
		}
	}
}
