package api

// oneField reads {"<field>": value} with an optional boost beside it, the shape of most leaves.
func (p *queryParser) oneField(boost *float64, value func(name string) error) error {
	found := false
	err := p.object(func(key string) error {
		if _, isField := p.schema.Fields[key]; key == "boost" && (!isField || found) {
			return p.option(key, boost, "boost")
		}
		if found {
			return bad("is a second field: this query takes one")
		}
		found = true
		return value(key)
	})
	if err == nil && !found {
		err = bad("names no field")
	}
	return err
}

// valueOrObject reads a value, or {"value": .., "boost": ..}.
func (p *queryParser) valueOrObject(boost *float64, value func() error) error {
	if p.peek() != kindObject {
		return value()
	}
	found := false
	err := p.object(func(key string) error {
		if key == "value" {
			found = true
			return value()
		}
		return p.option(key, boost, "value, boost")
	})
	if err == nil && !found {
		err = badField("value", "is missing")
	}
	return err
}

func (p *queryParser) term() (Query, error) {
	q := &Term{Boost: 1}
	err := p.oneField(&q.Boost, func(name string) error {
		t, err := p.field(name, TypeText, TypeKeyword, TypeInt, TypeFloat, TypeDate, TypeBool)
		if err != nil {
			return err
		}
		q.Field = name
		return p.valueOrObject(&q.Boost, func() error {
			q.Value, err = p.scalar(t)
			return err
		})
	})
	return q, err
}

func (p *queryParser) termsList() (Query, error) {
	q := &Terms{Boost: 1}
	err := p.oneField(&q.Boost, func(name string) error {
		t, err := p.field(name, TypeText, TypeKeyword, TypeInt, TypeFloat, TypeDate, TypeBool)
		if err != nil {
			return err
		}
		q.Field = name
		err = p.array(func(int) error {
			if err := p.count(1); err != nil {
				return err
			}
			v, err := p.scalar(t)
			q.Values = append(q.Values, v)
			return err
		})
		if err == nil && len(q.Values) == 0 {
			err = bad("is empty")
		}
		return err
	})
	return q, err
}

func (p *queryParser) rangeQuery() (Query, error) {
	q := &Range{Boost: 1}
	err := p.oneField(&q.Boost, func(name string) error {
		t, err := p.field(name, TypeKeyword, TypeInt, TypeFloat, TypeDate)
		if err != nil {
			return err
		}
		q.Field = name
		err = p.object(func(key string) error {
			var bound **Scalar
			switch key {
			case "gt":
				bound = &q.GT
			case "gte":
				bound = &q.GTE
			case "lt":
				bound = &q.LT
			case "lte":
				bound = &q.LTE
			default:
				return p.option(key, &q.Boost, "gt, gte, lt, lte, boost")
			}
			v, err := p.scalar(t)
			*bound = &v
			return err
		})
		switch {
		case err != nil:
			return err
		case q.GT == nil && q.GTE == nil && q.LT == nil && q.LTE == nil:
			return bad("has no bound (gt, gte, lt, lte)")
		case q.GT != nil && q.GTE != nil:
			return bad("has both gt and gte")
		case q.LT != nil && q.LTE != nil:
			return bad("has both lt and lte")
		}
		return nil
	})
	return q, err
}

func (p *queryParser) exists() (Query, error) {
	q := &Exists{Boost: 1}
	err := p.object(func(key string) error {
		if key != "field" {
			return p.option(key, &q.Boost, "field, boost")
		}
		var err error
		if q.Field, err = p.string(); err != nil {
			return err
		}
		_, err = p.field(q.Field)
		return err
	})
	if err == nil && q.Field == "" {
		err = badField("field", "is missing")
	}
	return q, err
}

func (p *queryParser) prefix() (Query, error) {
	q := &Prefix{Boost: 1}
	err := p.oneField(&q.Boost, func(name string) error {
		t, err := p.field(name, TypeKeyword, TypeText)
		if err != nil {
			return err
		}
		q.Field = name
		return p.valueOrObject(&q.Boost, func() error {
			v, err := p.scalar(t)
			q.Value = v.Str
			return err
		})
	})
	return q, err
}

func (p *queryParser) ids() (Query, error) {
	q := &IDs{Boost: 1}
	err := p.object(func(key string) error {
		if key != "values" {
			return p.option(key, &q.Boost, "values, boost")
		}
		return p.array(func(int) error {
			if err := p.count(1); err != nil {
				return err
			}
			id, err := p.string()
			if err != nil {
				return err
			}
			q.Values = append(q.Values, id)
			return checkID(id)
		})
	})
	if err == nil && len(q.Values) == 0 {
		err = badField("values", "is missing or empty")
	}
	return q, err
}

// sparse reads {"field": "s", "vector": {"12": 0.7}, "boost": 1}; field may be left out when the index
// has exactly one of the type.
func (p *queryParser) sparse() (Query, error) {
	q := &SparseVector{Boost: 1}
	err := p.object(func(key string) error {
		var err error
		switch key {
		case "field":
			if q.Field, err = p.string(); err == nil {
				_, err = p.field(q.Field, TypeSparseVector)
			}
		case "vector":
			q.Vector, err = p.sparseVector()
		default:
			err = p.option(key, &q.Boost, "field, vector, boost")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return q, p.completeSparse(q)
}

func (p *queryParser) completeSparse(q *SparseVector) error {
	if len(q.Vector) == 0 {
		return badField("vector", "is missing or empty")
	}
	if q.Field != "" {
		return nil
	}
	for _, name := range p.schema.fieldNames() {
		if p.schema.Fields[name].Type != TypeSparseVector {
			continue
		}
		if q.Field != "" {
			return badField("field", "is missing: the index has several fields of type sparse_vector")
		}
		q.Field = name
	}
	if q.Field == "" {
		return bad("is given, but the index has no field of type sparse_vector")
	}
	return nil
}
