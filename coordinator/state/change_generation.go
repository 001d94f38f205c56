package state

import (
	"fmt"
	"slices"

	"sagasu/api"
)

// BeginGeneration lets an index be filled with the vectors of another model, beside those it has, and notes the
// operation that does it; both or none. ErrGeneration while another is being filled or the number is not the one
// that follows, ErrLimit while too many are being dropped. A retry is told by the operation's id.
type BeginGeneration struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID string `json:"uuid"`
	// Next is how vectors are made and kept; its Generation is Index.NextGeneration. Its Fields must be text fields
	// of the schema, its Partition and Index those of the present generation.
	Next api.DenseConfig `json:"next"`
	// Operation is noted as PutOperation does.
	Operation Operation `json:"operation"`
}

func (BeginGeneration) kind() (typ, version uint16) { return TypeBeginGeneration, 1 }

func beginGeneration(before *View, c BeginGeneration) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	if err != nil {
		return nil, Index{}, fmt.Errorf("begin generation of index %q: %w", c.Name, err)
	}
	if _, again := before.Operation(c.Operation.ID); again {
		return nil, x, nil
	}
	if err := x.checkNext(c.Next); err != nil {
		return nil, Index{}, fmt.Errorf("begin generation of index %q: %w", c.Name, err)
	}
	after, _, err := putOperation(before, PutOperation{Operation: c.Operation})
	if err != nil {
		return nil, Index{}, fmt.Errorf("begin generation of index %q: %w", c.Name, err)
	}
	next := c.Next
	x.Next, x.LastGeneration = &next, next.Generation
	return after.withIndex(x), x, nil
}

// checkNext holds the generation to be filled to the rules of BeginGeneration.
func (x Index) checkNext(next api.DenseConfig) error {
	present := x.Schema.Dense
	switch {
	case present == nil:
		return invalid("the index has no vectors")
	case x.Next != nil:
		return fmt.Errorf("generation %d of %s is being filled already: %w", x.Next.Generation, x.Name, ErrGeneration)
	case next.Generation != x.NextGeneration():
		return fmt.Errorf("generation %d, the next is %d: %w", next.Generation, x.NextGeneration(), ErrGeneration)
	case len(x.Retired) >= MaxRetired:
		return fmt.Errorf("%d generations wait to be dropped: %w", len(x.Retired), ErrLimit)
	case next.Dims < 1 || next.Dims > api.MaxDenseDims:
		return invalid("%d dimensions, must be 1 to %d", next.Dims, api.MaxDenseDims)
	case len(next.Fields) == 0:
		return invalid("no fields to embed")
	}
	if err := checkText("model", next.Model, MaxNameBytes); err != nil {
		return err
	}
	for i, name := range next.Fields {
		if x.Schema.Fields[name].Type != api.TypeText || slices.Contains(next.Fields[:i], name) {
			return invalid("%.128q is no text field of the index, or named twice", name)
		}
	}
	return nil
}

// SwitchGeneration makes the generation that is being filled that of the index: searches and brought vectors go by
// it from now on. The one before is retired. ErrGeneration if the index fills another one or none; again it changes
// nothing.
type SwitchGeneration struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID       string `json:"uuid"`
	Generation int    `json:"generation"`
}

func (SwitchGeneration) kind() (typ, version uint16) { return TypeSwitchGeneration, 1 }

func switchGeneration(before *View, c SwitchGeneration) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	switch {
	case err != nil:
	case x.Schema.Dense != nil && x.Schema.Dense.Generation == c.Generation:
		return nil, x, nil
	case x.Next == nil || x.Next.Generation != c.Generation:
		err = ErrGeneration
	}
	if err != nil {
		return nil, Index{}, fmt.Errorf("switch index %q to generation %d: %w", c.Name, c.Generation, err)
	}
	x.Retired = append(slices.Clone(x.Retired), x.Schema.Dense.Generation)
	x.Schema.Dense, x.Next = x.Next, nil
	return before.withIndex(x), x, nil
}

// CancelGeneration gives up the generation that is being filled: it is retired. ErrGeneration if it is the index's by
// now; one that is not being filled any more, or never was, changes nothing.
type CancelGeneration struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID       string `json:"uuid"`
	Generation int    `json:"generation"`
}

func (CancelGeneration) kind() (typ, version uint16) { return TypeCancelGeneration, 1 }

func cancelGeneration(before *View, c CancelGeneration) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	switch {
	case err != nil:
	case x.Schema.Dense != nil && x.Schema.Dense.Generation == c.Generation:
		err = ErrGeneration
	case x.Next == nil || x.Next.Generation != c.Generation:
		return nil, x, nil
	}
	if err != nil {
		return nil, Index{}, fmt.Errorf("cancel generation %d of index %q: %w", c.Generation, c.Name, err)
	}
	x.Retired, x.Next = append(slices.Clone(x.Retired), c.Generation), nil
	return before.withIndex(x), x, nil
}

// ForgetGeneration tells that nothing is left of a retired generation outside of the shards. Again it changes nothing.
type ForgetGeneration struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID       string `json:"uuid"`
	Generation int    `json:"generation"`
}

func (ForgetGeneration) kind() (typ, version uint16) { return TypeForgetGeneration, 1 }

func forgetGeneration(before *View, c ForgetGeneration) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	if err != nil {
		return nil, Index{}, fmt.Errorf("forget generation %d of index %q: %w", c.Generation, c.Name, err)
	}
	at := slices.Index(x.Retired, c.Generation)
	if at < 0 {
		return nil, x, nil
	}
	x.Retired = slices.Delete(slices.Clone(x.Retired), at, at+1)
	if len(x.Retired) == 0 {
		x.Retired = nil
	}
	return before.withIndex(x), x, nil
}
