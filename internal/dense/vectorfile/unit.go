package vectorfile

import (
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Units checks vectors, so that what is written can be read again, and gives them with values of length 1.
// Errors name the document: dense.ErrDimension, dense.ErrNotFinite, attributes that are not in order.
func Units(vs []dense.Vector, dims int) ([]dense.Vector, error) {
	units := make([]dense.Vector, len(vs))
	for i, v := range vs {
		if err := dense.CheckDims(v.Values, dims); err != nil {
			return nil, fmt.Errorf("document %q: %w", v.ID, err)
		}
		unit, err := dense.Normalize(v.Values)
		if err == nil {
			err = checkOrder(v.Attributes)
		}
		if err != nil {
			return nil, fmt.Errorf("document %q: %w", v.ID, err)
		}
		units[i] = v
		units[i].Values = unit
	}
	return units, nil
}

func checkOrder(attributes []api.Value) error {
	for i := 1; i < len(attributes); i++ {
		if attributes[i-1].Field >= attributes[i].Field {
			return errors.New("attributes are not in order")
		}
	}
	return nil
}
