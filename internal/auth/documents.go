package auth

import (
	"errors"

	"sagasu/api"
)

// Query gives the bound as a filter of an index. An alternative that does not fit the index lets nothing through; if
// none of a part is left it is ErrFilter. It is nil for no bound.
func (d *Documents) Query(schema *api.Schema) (api.Query, error) {
	if d == nil {
		return nil, nil
	}
	all := &api.Bool{Boost: 1}
	for _, alternatives := range d.parts {
		any := &api.Bool{Boost: 1}
		var errs []error
		for _, text := range alternatives {
			q, err := compileFilter(schema, text)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			any.Should = append(any.Should, q)
		}
		switch len(any.Should) {
		case 0:
			return nil, errors.Join(errs...)
		case 1:
			all.Filter = append(all.Filter, any.Should[0])
		default:
			all.Filter = append(all.Filter, any)
		}
	}
	if len(all.Filter) == 1 {
		return all.Filter[0], nil
	}
	return all, nil
}

// Restrict gives a filter that selects what both select; nil selects everything.
func Restrict(filter, only api.Query) api.Query {
	switch {
	case only == nil:
		return filter
	case filter == nil:
		return only
	}
	return &api.Bool{Filter: []api.Query{filter, only}, Boost: 1}
}

// Visible reports whether a document filter selects a stored document, given by its source; nil selects everything. A
// source that can't be read is not selected.
func Visible(schema *api.Schema, only api.Query, source []byte) bool {
	if only == nil {
		return true
	}
	w, err := api.ParseDocumentAs(schema, "d", source)
	return err == nil && Matches(only, &w.Doc)
}
