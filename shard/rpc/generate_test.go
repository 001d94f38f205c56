package rpc

import (
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// Generators of what the messages carry, in the form the rest of the system gives it: no empty slices where
// there is nil.

var names = rapid.SampledFrom([]string{"title", "text", "lang", "年", "ratio", ""})

func genText() *rapid.Generator[string] { return rapid.String() }

func genFieldBoosts() *rapid.Generator[[]api.FieldBoost] {
	return orNil(rapid.Custom(func(t *rapid.T) api.FieldBoost {
		return api.FieldBoost{Field: names.Draw(t, "field"), Boost: rapid.Float64().Draw(t, "boost")}
	}), 4)
}

// orNil gives slices of up to most elements, nil for none.
func orNil[T any](g *rapid.Generator[T], most int) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(g, 0, most), func(v []T) []T {
		if len(v) == 0 {
			return nil
		}
		return v
	})
}

func genScalar() *rapid.Generator[api.Scalar] {
	return rapid.Custom(func(t *rapid.T) api.Scalar {
		s := api.Scalar{Type: rapid.SampledFrom([]api.FieldType{
			api.TypeText, api.TypeKeyword, api.TypeInt, api.TypeDate, api.TypeBool, api.TypeFloat,
		}).Draw(t, "type")}
		switch s.Type {
		case api.TypeText, api.TypeKeyword:
			s.Str = genText().Draw(t, "str")
		case api.TypeFloat:
			s.Float = rapid.Float64().Draw(t, "float")
		default:
			s.Int = rapid.Int64().Draw(t, "int")
		}
		return s
	})
}

func genEntries() *rapid.Generator[[]api.SparseEntry] {
	return orNil(rapid.Custom(func(t *rapid.T) api.SparseEntry {
		return api.SparseEntry{Dim: rapid.Uint32().Draw(t, "dim"), Weight: rapid.Float32().Draw(t, "weight")}
	}), 5)
}

// genQuery gives trees of up to depth levels, nil among them.
func genQuery(depth int) *rapid.Generator[api.Query] {
	return rapid.Custom(func(t *rapid.T) api.Query {
		kind := rapid.IntRange(tagNil, tagMatchAll).Draw(t, "kind")
		if kind == tagBool && depth <= 1 {
			kind = tagMatchAll
		}
		if kind == tagBool {
			return drawBool(t, depth)
		}
		return drawLeaf(t, kind)
	})
}

func drawBool(t *rapid.T, depth int) api.Query {
	sub := orNil(genQuery(depth-1), 3)
	q := &api.Bool{
		Must: sub.Draw(t, "must"), Should: sub.Draw(t, "should"), MustNot: sub.Draw(t, "not"),
		Filter: sub.Draw(t, "filter"), Boost: rapid.Float64().Draw(t, "boost"),
	}
	if rapid.Bool().Draw(t, "minimum") {
		n := rapid.Int().Draw(t, "minimum")
		q.MinimumShould = &n
	}
	return q
}

func drawLeaf(t *rapid.T, kind int) api.Query {
	boost, field := rapid.Float64().Draw(t, "boost"), names.Draw(t, "field")
	text := func() string { return genText().Draw(t, "text") }
	switch kind {
	case tagMatch:
		return &api.Match{
			Fields: genFieldBoosts().Draw(t, "fields"), Text: text(), Boost: boost,
			Operator: rapid.SampledFrom([]api.Operator{"", api.OperatorOr, api.OperatorAnd}).Draw(t, "op"),
			Minimum:  rapid.Int().Draw(t, "minimum"),
		}
	case tagPhrase:
		return &api.Phrase{Fields: genFieldBoosts().Draw(t, "fields"), Text: text(), Boost: boost}
	case tagTerm:
		return &api.Term{Field: field, Value: genScalar().Draw(t, "value"), Boost: boost}
	case tagTerms:
		return &api.Terms{Field: field, Values: orNil(genScalar(), 4).Draw(t, "values"), Boost: boost}
	case tagRange:
		bound := func() *api.Scalar { return rapid.Ptr(genScalar(), true).Draw(t, "bound") }
		return &api.Range{Field: field, GT: bound(), GTE: bound(), LT: bound(), LTE: bound(), Boost: boost}
	case tagExists:
		return &api.Exists{Field: field, Boost: boost}
	case tagPrefix:
		return &api.Prefix{Field: field, Value: text(), Boost: boost}
	case tagIDs:
		return &api.IDs{Values: orNil(genText(), 4).Draw(t, "ids"), Boost: boost}
	case tagSparseVector:
		return &api.SparseVector{Field: field, Vector: genEntries().Draw(t, "vector"), Boost: boost}
	case tagMatchAll:
		return &api.MatchAll{Boost: boost}
	}
	return nil
}

func genCall() *rapid.Generator[Call] {
	return rapid.Custom(func(t *rapid.T) Call {
		return Call{
			Shard: names.Draw(t, "shard"), Epoch: rapid.Uint64().Draw(t, "epoch"),
			MinIndex: rapid.Uint64().Draw(t, "index"),
		}
	})
}

func genMark() *rapid.Generator[Mark] {
	return rapid.Custom(func(t *rapid.T) Mark {
		return Mark{rapid.Uint64().Draw(t, "applied"), rapid.Uint64().Draw(t, "epoch"), rapid.Uint64().Draw(t, "µs")}
	})
}

func genTermKeys() *rapid.Generator[[]sparse.TermKey] {
	return orNil(rapid.Custom(func(t *rapid.T) sparse.TermKey {
		return sparse.TermKey{Field: names.Draw(t, "field"), Term: genText().Draw(t, "term")}
	}), 6)
}

func genStatistics() *rapid.Generator[sparse.Statistics] {
	return rapid.Custom(func(t *rapid.T) sparse.Statistics {
		s := sparse.Statistics{
			Fields: map[string]sparse.FieldStatistics{}, Terms: map[sparse.TermKey]uint64{},
			Version: rapid.Uint64().Draw(t, "version"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			s.Fields[names.Draw(t, "field")] = sparse.FieldStatistics{
				Docs: rapid.Uint64().Draw(t, "docs"), Tokens: rapid.Uint64().Draw(t, "tokens"),
			}
		}
		for _, key := range genTermKeys().Draw(t, "keys") {
			s.Terms[key] = rapid.Uint64().Draw(t, "df")
		}
		return s
	})
}

func genVector() *rapid.Generator[[]float32] { return rapid.SliceOfN(rapid.Float32(), 0, 5) }

func genValue() *rapid.Generator[api.Value] {
	return rapid.Custom(func(t *rapid.T) api.Value {
		v := api.Value{Field: names.Draw(t, "field")}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			v.Strings = orNil(genText(), 3).Draw(t, "strings")
		case 1:
			v.Ints = orNil(rapid.Int64(), 3).Draw(t, "ints")
		case 2:
			v.Floats = orNil(rapid.Float64(), 3).Draw(t, "floats")
		case 3:
			v.Sparse = genEntries().Draw(t, "sparse")
		}
		return v
	})
}

func genWrite() *rapid.Generator[api.Write] {
	return rapid.Custom(func(t *rapid.T) api.Write {
		w := api.Write{
			Kind:      api.OpKind(rapid.IntRange(int(api.OpIndex), int(api.OpTrim)).Draw(t, "kind")),
			IfVersion: rapid.Ptr(rapid.Uint64(), true).Draw(t, "if"),
			Doc: api.Document{
				ID: genText().Draw(t, "id"), Values: orNil(genValue(), 4).Draw(t, "values"),
				Source: orNil(rapid.Byte(), 20).Draw(t, "source"),
			},
		}
		if rapid.Bool().Draw(t, "brings a vector") {
			w.Doc.Vector = genVector().Draw(t, "vector")
			w.Doc.Generation = rapid.IntRange(0, 3).Draw(t, "generation")
		}
		w.Follows = rapid.Bool().Draw(t, "follows")
		if w.Kind == api.OpTrim {
			w.From = natural(t, "from")
		}
		// Texts of real documents are in their source.
		for _, v := range w.Doc.Values {
			for _, s := range v.Strings {
				if rapid.Bool().Draw(t, "in source") {
					w.Doc.Source = append(append(w.Doc.Source, s...), `","`...)
				}
			}
		}
		return w
	})
}

func genResult() *rapid.Generator[api.WriteResult] {
	known := statuses()
	problem := rapid.Custom(func(t *rapid.T) api.Problem {
		return api.Problem{
			Type: api.ProblemConflict, Title: genText().Draw(t, "title"), Status: rapid.Int().Draw(t, "status"),
			Detail: genText().Draw(t, "detail"), Field: genText().Draw(t, "field"),
		}
	})
	return rapid.Custom(func(t *rapid.T) api.WriteResult {
		return api.WriteResult{
			ID: genText().Draw(t, "id"), Status: rapid.SampledFrom(known[:]).Draw(t, "status"),
			Version: rapid.Uint64().Draw(t, "version"), Error: rapid.Ptr(problem, true).Draw(t, "error"),
		}
	})
}

func genHit() *rapid.Generator[sparse.Hit] {
	return rapid.Custom(func(t *rapid.T) sparse.Hit {
		return sparse.Hit{
			ID: genText().Draw(t, "id"), Score: rapid.Float64().Draw(t, "score"), Version: rapid.Uint64().Draw(t, "v"),
		}
	})
}

func genDenseHit() *rapid.Generator[dense.Hit] {
	return rapid.Custom(func(t *rapid.T) dense.Hit {
		return dense.Hit{
			ID: genText().Draw(t, "id"), Score: rapid.Float32().Draw(t, "score"), Version: rapid.Uint64().Draw(t, "v"),
		}
	})
}

func genStored() *rapid.Generator[sparse.Stored] {
	return rapid.Custom(func(t *rapid.T) sparse.Stored {
		doc := sparse.Stored{
			ID: genText().Draw(t, "id"), Version: rapid.Uint64().Draw(t, "version"),
			Source: orNil(rapid.Byte(), 20).Draw(t, "source"),
		}
		if rapid.Bool().Draw(t, "has a vector") {
			doc.Vector = genVector().Draw(t, "vector")
		}
		return doc
	})
}

func genGenerationStatus() *rapid.Generator[replica.GenerationStatus] {
	return rapid.Custom(func(t *rapid.T) replica.GenerationStatus {
		return replica.GenerationStatus{
			Generation: natural(t, "generation"), Vectors: natural(t, "vectors"), WaitEmbed: natural(t, "embed"),
			WaitFeed: natural(t, "feed"), Failed: natural(t, "failed"), LagSeconds: rapid.Float64().Draw(t, "lag"),
			Trouble: genText().Draw(t, "trouble"), Rate: rapid.Float64().Draw(t, "rate"),
		}
	})
}

func genKeyState() *rapid.Generator[replica.KeyState] {
	vector := rapid.Custom(func(t *rapid.T) replica.VectorState {
		return replica.VectorState{
			Generation: natural(t, "generation"), Version: rapid.Uint64().Draw(t, "version"),
			Failed: genText().Draw(t, "failed"), NoText: rapid.Bool().Draw(t, "no text"),
		}
	})
	return rapid.Custom(func(t *rapid.T) replica.KeyState {
		return replica.KeyState{
			ID: genText().Draw(t, "id"), Version: rapid.Uint64().Draw(t, "version"),
			Vectors: orNil(vector, 3).Draw(t, "vectors"),
		}
	})
}

func natural(t *rapid.T, label string) int { return rapid.IntRange(0, 1<<62).Draw(t, label) }

// generators give random messages of every kind, by the name of the sample of the kind.
func generators() map[string]func(t *rapid.T) any {
	return map[string]func(t *rapid.T) any{
		"search-sparse.call": func(t *rapid.T) any {
			m := &sparseCall{Call: genCall().Draw(t, "call"), want: genTermKeys().Draw(t, "want")}
			m.request = sparse.Request{
				Query: genQuery(4).Draw(t, "query"), Filter: genQuery(3).Draw(t, "filter"), K: rapid.Int().Draw(t, "k"),
				Count: rapid.Int().Draw(t, "count"),
				Stats: rapid.Ptr(genStatistics(), true).Draw(t, "stats"),
			}
			return m
		},
		"search-sparse.answer": func(t *rapid.T) any {
			m := &sparseAnswer{mark: genMark().Draw(t, "mark")}
			m.top = sparse.TopDocs{
				Total: natural(t, "total"), More: rapid.Bool().Draw(t, "more"), Hits: orNil(genHit(), 5).Draw(t, "hits"),
			}
			if rapid.Bool().Draw(t, "wanted") {
				m.stats = genStatistics().Draw(t, "stats")
			}
			return m
		},
		"statistics.call": func(t *rapid.T) any {
			return &statisticsCall{genCall().Draw(t, "call"), genTermKeys().Draw(t, "terms")}
		},
		"statistics.answer": func(t *rapid.T) any {
			return &statisticsAnswer{genMark().Draw(t, "mark"), genStatistics().Draw(t, "stats")}
		},
		"search-dense.call": func(t *rapid.T) any {
			return &denseCall{genCall().Draw(t, "call"), replica.DenseRequest{
				Generation: rapid.IntRange(0, 3).Draw(t, "generation"), K: rapid.Int().Draw(t, "k"),
				Vector: genVector().Draw(t, "vector"), Filter: genQuery(3).Draw(t, "filter"),
			}}
		},
		"search-dense.answer": func(t *rapid.T) any {
			return &denseAnswer{genMark().Draw(t, "mark"), replica.DenseResult{
				Hits: orNil(genDenseHit(), 5).Draw(t, "hits"), Lag: natural(t, "lag"), Total: natural(t, "total"),
			}}
		},
		"fetch.call": func(t *rapid.T) any {
			return &fetchCall{genCall().Draw(t, "call"), orNil(genText(), 5).Draw(t, "ids")}
		},
		"fetch.answer": func(t *rapid.T) any {
			return &fetchAnswer{orNil(genStored(), 4).Draw(t, "docs"), natural(t, "done"), genMark().Draw(t, "mark")}
		},
		"count.call":   func(t *rapid.T) any { return &countCall{genCall().Draw(t, "call"), genQuery(4).Draw(t, "query")} },
		"count.answer": func(t *rapid.T) any { return &countAnswer{genMark().Draw(t, "mark"), natural(t, "count")} },
		"write.call": func(t *rapid.T) any {
			m := &writeCall{Call: genCall().Draw(t, "call")}
			copy(m.request.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			m.request.Term = rapid.Uint64().Draw(t, "term")
			m.request.Writes = rapid.SliceOfN(genWrite(), 0, 4).Draw(t, "writes")
			return m
		},
		"write.answer": func(t *rapid.T) any {
			return &writeAnswer{genMark().Draw(t, "mark"), WriteAnswer{
				rapid.SliceOfN(genResult(), 0, 4).Draw(t, "results"), rapid.Uint64().Draw(t, "applied"),
			}}
		},
		"current.call": func(t *rapid.T) any {
			return &currentCall{genCall().Draw(t, "call"), natural(t, "generation"), orNil(genText(), 5).Draw(t, "ids")}
		},
		"current.answer": func(t *rapid.T) any {
			return &currentAnswer{genMark().Draw(t, "mark"), replica.Presence{
				Versions: rapid.SliceOfN(rapid.Uint64(), 0, 5).Draw(t, "versions"), Lag: natural(t, "lag"),
			}}
		},
		"select-ids.call": func(t *rapid.T) any {
			return &selectCall{
				genCall().Draw(t, "call"), genQuery(4).Draw(t, "filter"), rapid.IntRange(0, MaxIDs).Draw(t, "limit"),
			}
		},
		"select-ids.answer": func(t *rapid.T) any {
			return &idsAnswer{genMark().Draw(t, "mark"), orNil(genText(), 5).Draw(t, "ids")}
		},
		"position.call": func(t *rapid.T) any { return &shardCall{genCall().Draw(t, "call")} },
		"position.answer": func(t *rapid.T) any {
			return &positionAnswer{genMark().Draw(t, "mark"), replica.Position{
				Version: rapid.Uint64().Draw(t, "version"), Dense: rapid.Uint64().Draw(t, "dense"),
			}}
		},
		"dense-status.call": func(t *rapid.T) any { return &shardCall{genCall().Draw(t, "call")} },
		"dense-status.answer": func(t *rapid.T) any {
			return &statusAnswer{genMark().Draw(t, "mark"), rapid.SliceOfN(genGenerationStatus(), 0, 3).Draw(t, "generations")}
		},
		"dense-failures.call": func(t *rapid.T) any {
			return &generationCall{genCall().Draw(t, "call"), natural(t, "generation")}
		},
		"dense-failures.answer": func(t *rapid.T) any {
			f := rapid.Custom(func(t *rapid.T) replica.Failure {
				return replica.Failure{
					ID: genText().Draw(t, "id"), Version: rapid.Uint64().Draw(t, "version"), Reason: genText().Draw(t, "reason"),
				}
			})
			return &failuresAnswer{genMark().Draw(t, "mark"), replica.Failures{
				List: orNil(f, 4).Draw(t, "list"), More: natural(t, "more"),
			}}
		},
		"retry-dense.call": func(t *rapid.T) any {
			return &generationCall{genCall().Draw(t, "call"), natural(t, "generation")}
		},
		"retry-dense.answer": func(t *rapid.T) any { return &markAnswer{genMark().Draw(t, "mark")} },
		"repair-dense.call": func(t *rapid.T) any {
			return &repairCall{genCall().Draw(t, "call"), natural(t, "generation"), orNil(genText(), 5).Draw(t, "ids")}
		},
		"repair-dense.answer": func(t *rapid.T) any { return &markAnswer{genMark().Draw(t, "mark")} },
		"list-keys.call": func(t *rapid.T) any {
			return &keysCall{genCall().Draw(t, "call"), genText().Draw(t, "after"), rapid.IntRange(0, MaxKeys).Draw(t, "limit")}
		},
		"list-keys.answer": func(t *rapid.T) any {
			return &keysAnswer{genMark().Draw(t, "mark"), orNil(genKeyState(), 4).Draw(t, "keys")}
		},
		"wait-dense.call": func(t *rapid.T) any {
			return &waitCall{genCall().Draw(t, "call"), rapid.Uint64().Draw(t, "version")}
		},
		"wait-dense.answer": func(t *rapid.T) any { return &markAnswer{genMark().Draw(t, "mark")} },
		"info.call":         func(t *rapid.T) any { return &infoCall{genCall().Draw(t, "call")} },
		"info.answer": func(t *rapid.T) any {
			return &infoAnswer{genMark().Draw(t, "mark"), ShardInfo{
				Applied: rapid.Uint64().Draw(t, "applied"), Documents: natural(t, "documents"), DenseLag: natural(t, "lag"),
				Leader: names.Draw(t, "leader"), Term: rapid.Uint64().Draw(t, "term"), LeaderHere: rapid.Bool().Draw(t, "here"),
				Failed: genText().Draw(t, "failed"), Bytes: rapid.Int64().Draw(t, "bytes"),
			}}
		},
		"info-repair.answer": func(t *rapid.T) any {
			return &infoAnswer{genMark().Draw(t, "mark"), ShardInfo{Repair: RepairInfo{
				Reason: genText().Draw(t, "reason"), From: names.Draw(t, "from"),
				Bytes: rapid.Int64().Draw(t, "bytes"), Total: rapid.Int64().Draw(t, "total"),
			}}}
		},
		"open-checkpoint.call": func(t *rapid.T) any { return &openCall{names.Draw(t, "group")} },
		"open-checkpoint.answer": func(t *rapid.T) any {
			c := Checkpoint{Session: names.Draw(t, "session"), Durable: rapid.Uint64().Draw(t, "durable")}
			for _, path := range rapid.SliceOfNDistinct(
				rapid.StringMatching(`[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}`), 0, 4, rapid.ID).Draw(t, "paths") {
				f := File{Path: path, Size: rapid.Int64Range(0, 1<<60).Draw(t, "size")}
				copy(f.SHA256[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
				c.Files = append(c.Files, f)
			}
			return &openAnswer{c}
		},
		"read-file.call": func(t *rapid.T) any {
			return &readCall{
				names.Draw(t, "session"), rapid.StringMatching(`[a-z]{1,5}(/[a-z]{1,5})?`).Draw(t, "path"),
				rapid.Int64Range(0, 1<<62).Draw(t, "offset"), rapid.IntRange(0, MaxPiece).Draw(t, "length"),
			}
		},
		"read-file.answer": func(t *rapid.T) any {
			return &readAnswer{rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "piece")}
		},
		"close-checkpoint.call":   func(t *rapid.T) any { return &closeCall{names.Draw(t, "session")} },
		"close-checkpoint.answer": func(*rapid.T) any { return &emptyAnswer{} },
	}
}
