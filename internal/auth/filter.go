package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sagasu/api"
)

// Filter says which documents a caller may see and write: a filter as searches have it, of exact clauses (term, terms,
// range, exists, prefix, match_all, bool) on fields that are not text. A text "${name}" in it stands for the caller's
// attribute of that name: in a list for all its values, as the value of a term for one of them, elsewhere for the only
// one.
type Filter struct {
	tree any
	// names are the attributes it needs, ascending.
	names []string
}

// ParseFilter reads a filter without knowing an index's schema. Errors are ErrFilter.
func ParseFilter(text string) (*Filter, error) {
	if len(text) > MaxFilterBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrFilter, len(text), MaxFilterBytes)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	f := &Filter{}
	if err := d.Decode(&f.tree); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFilter, err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token gives it as it is
		return nil, fmt.Errorf("%w: there is more after the filter", ErrFilter)
	}
	if err := f.node(f.tree, 1); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFilter, err)
	}
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
	return f, nil
}

// Attributes gives the names of the attributes that the filter needs.
func (f *Filter) Attributes() []string { return f.names }

// node checks one clause.
func (f *Filter) node(v any, depth int) error {
	if depth > MaxFilterDepth {
		return fmt.Errorf("it is nested deeper than %d", MaxFilterDepth)
	}
	clause, ok := v.(map[string]any)
	if !ok || len(clause) != 1 {
		return fmt.Errorf("a clause is an object with one key that names its kind")
	}
	for kind, body := range clause {
		fields, ok := body.(map[string]any)
		if !ok {
			return fmt.Errorf("%.64q is no object", kind)
		}
		switch kind {
		case "bool":
			return f.boolean(fields, depth)
		case "term", "terms", "range", "exists", "prefix", "match_all":
			return f.variables(fields)
		}
		return fmt.Errorf("%.64q is no kind of clause that a document filter may have (term, terms, range, exists, "+
			"prefix, match_all, bool)", kind)
	}
	return nil
}

func (f *Filter) boolean(fields map[string]any, depth int) error {
	for name, list := range fields {
		if name == "minimum_should_match" {
			continue
		}
		clauses, ok := list.([]any)
		if !ok {
			clauses = []any{list}
		}
		for _, c := range clauses {
			if err := f.node(c, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// variables collects the names that a clause's values stand for.
func (f *Filter) variables(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if err := f.variables(x); err != nil {
				return err
			}
		}
	case []any:
		for _, x := range v {
			if err := f.variables(x); err != nil {
				return err
			}
		}
	case string:
		name, ok := variable(v)
		if !ok {
			return nil
		}
		if err := CheckName("attribute", name); err != nil {
			return err
		}
		f.names = append(f.names, name)
	}
	return nil
}

// variable gives the name that a text stands for.
func variable(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, "${")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}

// Bind puts a caller's attributes into the filter and gives it as JSON, the same for equal attributes. It is ErrFilter
// if one is missing.
func (f *Filter) Bind(attributes map[string][]string) (string, error) {
	for _, name := range f.names {
		if len(attributes[name]) == 0 {
			return "", fmt.Errorf("%w: the caller has no attribute %q", ErrFilter, name)
		}
	}
	tree, err := bindClause(f.tree, attributes)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return "", fmt.Errorf("%w: %w", ErrFilter, err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// bindClause binds one clause, which node found good.
func bindClause(v any, attributes map[string][]string) (any, error) {
	clause, _ := v.(map[string]any)
	out := map[string]any{}
	for kind, body := range clause {
		fields, _ := body.(map[string]any)
		var err error
		switch kind {
		case "bool":
			out[kind], err = bindBool(fields, attributes)
		case "term":
			kind, fields = bindTerm(fields, attributes)
			out[kind], err = bindValue(fields, attributes)
		default:
			out[kind], err = bindValue(fields, attributes)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func bindBool(fields map[string]any, attributes map[string][]string) (any, error) {
	out := map[string]any{}
	for name, list := range fields {
		clauses, ok := list.([]any)
		switch {
		case name == "minimum_should_match":
			out[name] = list
			continue
		case !ok:
			clauses = []any{list}
		}
		bound := make([]any, len(clauses))
		for i, c := range clauses {
			var err error
			if bound[i], err = bindClause(c, attributes); err != nil {
				return nil, err
			}
		}
		out[name] = bound
	}
	return out, nil
}

// bindTerm makes a list of terms of a term whose value stands for several.
func bindTerm(fields map[string]any, attributes map[string][]string) (kind string, out map[string]any) {
	for field, value := range fields {
		text, _ := value.(string)
		if name, ok := variable(text); ok && len(attributes[name]) > 1 && len(fields) == 1 {
			return "terms", map[string]any{field: []any{text}}
		}
	}
	return "term", fields
}

// bindValue puts attributes in the place of the texts that stand for them.
func bindValue(v any, attributes map[string][]string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			var err error
			if out[key], err = bindValue(x, attributes); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		var out []any
		for _, x := range v {
			if text, ok := x.(string); ok {
				if name, ok := variable(text); ok {
					for _, value := range attributes[name] {
						out = append(out, value)
					}
					continue
				}
			}
			bound, err := bindValue(x, attributes)
			if err != nil {
				return nil, err
			}
			out = append(out, bound)
		}
		return out, nil
	case string:
		name, ok := variable(v)
		if !ok {
			return v, nil
		}
		if values := attributes[name]; len(values) == 1 {
			return values[0], nil
		}
		return nil, fmt.Errorf("%w: the caller has several values of %q, here one can be", ErrFilter, name)
	}
	return v, nil
}

// compileFilter reads a bound filter for an index. ErrFilter if it does not fit the index's schema.
func compileFilter(schema *api.Schema, bound string) (api.Query, error) {
	q, err := api.ParseFilter(schema, []byte(bound))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFilter, err)
	}
	return q, exact(schema, q)
}

// exact returns ErrFilter unless a query can be decided by a document's values alone.
func exact(schema *api.Schema, q api.Query) error {
	field := ""
	switch q := q.(type) {
	case *api.Bool:
		for _, list := range [][]api.Query{q.Must, q.Should, q.MustNot, q.Filter} {
			for _, x := range list {
				if err := exact(schema, x); err != nil {
					return err
				}
			}
		}
		return nil
	case *api.MatchAll:
		return nil
	case *api.Term:
		field = q.Field
	case *api.Terms:
		field = q.Field
	case *api.Range:
		field = q.Field
	case *api.Exists:
		field = q.Field
	case *api.Prefix:
		field = q.Field
	default:
		return fmt.Errorf("%w: a clause of type %T", ErrFilter, q)
	}
	switch t := schema.Fields[field].Type; t {
	case api.TypeKeyword, api.TypeInt, api.TypeFloat, api.TypeDate, api.TypeBool:
		return nil
	default:
		return fmt.Errorf("%w: field %.64q is %s", ErrFilter, field, t)
	}
}
