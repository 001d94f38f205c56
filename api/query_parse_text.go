package api

import (
	"strconv"
	"strings"
)

// textClause is what match and phrase have in common.
type textClause struct {
	fields   []FieldBoost
	text     string
	operator Operator
	minimum  int
	boost    float64
}

// match reads {"query": "..", "fields": [..], "operator": "and", "minimum": 2, "boost": 1}, the short
// {"title": ".."}, or {"title": {"query": "..", ...}}.
func (p *queryParser) match() (Query, error) {
	c, err := p.textClause(true)
	if err != nil {
		return nil, err
	}
	return &Match{Fields: c.fields, Text: c.text, Operator: c.operator, Minimum: c.minimum, Boost: c.boost}, nil
}

// phrase reads the same shapes without operator and minimum.
func (p *queryParser) phrase() (Query, error) {
	c, err := p.textClause(false)
	if err != nil {
		return nil, err
	}
	return &Phrase{Fields: c.fields, Text: c.text, Boost: c.boost}, nil
}

func (p *queryParser) textClause(isMatch bool) (textClause, error) {
	c := textClause{operator: OperatorOr, boost: 1}
	short := false
	err := p.object(func(key string) error {
		switch {
		case short && (key == "query" || key == "fields"):
			return bad("does not go with the short form: write query and fields, or the field alone")
		case textKey(key, isMatch):
			return p.textOption(key, &c)
		case short:
			return bad("is a second field: list several in fields")
		case c.text != "" || c.fields != nil:
			return bad("is not known here (query, fields, operator, minimum, boost)")
		}
		short = true
		return p.shortText(key, &c, isMatch)
	})
	switch {
	case err != nil:
	case c.text == "":
		err = badField("query", "is missing")
	case c.minimum > 0 && c.operator == OperatorAnd:
		err = badField("minimum", "contradicts the operator and, which requires all terms")
	}
	return c, err
}

// textKey reports whether the key belongs to the long form.
func textKey(key string, isMatch bool) bool {
	switch key {
	case "query", "fields", "boost":
		return true
	case "operator", "minimum", "minimum_should_match":
		return isMatch
	}
	return false
}

// shortText reads the value of {"title": ...}.
func (p *queryParser) shortText(field string, c *textClause, isMatch bool) error {
	if _, err := p.field(field, TypeText); err != nil {
		return err
	}
	c.fields = []FieldBoost{{Field: field, Boost: 1}}
	if p.peek() != kindObject {
		var err error
		c.text, err = p.text()
		return err
	}
	return p.object(func(key string) error {
		if key == "fields" || !textKey(key, isMatch) {
			return bad("is not known here (query, operator, minimum, boost)")
		}
		return p.textOption(key, c)
	})
}

func (p *queryParser) textOption(key string, c *textClause) error {
	var err error
	switch key {
	case "query":
		c.text, err = p.text()
	case "fields":
		c.fields, err = p.fieldBoosts()
	case "operator":
		var name string
		if name, err = p.string(); err != nil {
			return err
		}
		c.operator = Operator(strings.ToLower(name))
		if c.operator != OperatorOr && c.operator != OperatorAnd {
			return bad("is %q, must be or, and", clip(name))
		}
	case "minimum", "minimum_should_match":
		c.minimum, err = p.small(0, MaxQueryTerms)
	default:
		err = p.option(key, &c.boost, "query, fields, operator, minimum, boost")
	}
	return err
}

// fieldBoosts reads ["title^2", "text"].
func (p *queryParser) fieldBoosts() ([]FieldBoost, error) {
	var fields []FieldBoost
	seen := map[string]bool{}
	err := p.array(func(int) error {
		text, err := p.string()
		if err != nil {
			return err
		}
		f, err := p.fieldBoost(text)
		if err != nil {
			return err
		}
		if seen[f.Field] {
			return bad("names %q twice", clip(f.Field))
		}
		seen[f.Field] = true
		fields = append(fields, f)
		return nil
	})
	if err == nil && len(fields) == 0 {
		err = bad("is empty")
	}
	return fields, err
}

// fieldBoost splits at the last ^, unless the whole names a field.
func (p *queryParser) fieldBoost(text string) (FieldBoost, error) {
	f := FieldBoost{Field: text, Boost: 1}
	if _, whole := p.schema.Fields[text]; !whole {
		if name, boost, ok := cutLast(text, '^'); ok {
			b, err := strconv.ParseFloat(boost, 64)
			if err != nil || !(b >= 0 && b <= MaxBoost) {
				return f, bad("has the boost %q, must be a number of 0 to %v", clip(boost), float64(MaxBoost))
			}
			f = FieldBoost{Field: name, Boost: b}
		}
	}
	_, err := p.field(f.Field, TypeText)
	return f, err
}

func cutLast(text string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}
