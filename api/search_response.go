package api

// Reason says why an answer lacks something; one of the list below and no other.
type Reason string

// The reasons of a degraded answer.
const (
	ReasonMilvusUnavailable    Reason = "milvus_unavailable"
	ReasonMilvusTimeout        Reason = "milvus_timeout"
	ReasonMilvusIncomplete     Reason = "milvus_incomplete"
	ReasonEmbeddingUnavailable Reason = "embedding_unavailable"
	ReasonEmbeddingTimeout     Reason = "embedding_timeout"
	// ReasonDenseLagging: documents wait for their vectors and could not be found by meaning.
	ReasonDenseLagging     Reason = "dense_lagging"
	ReasonShardUnavailable Reason = "shard_unavailable"
	ReasonShardTimeout     Reason = "shard_timeout"
	// ReasonDeadline: the search's own time was up before the leg was ready.
	ReasonDeadline Reason = "deadline"
	ReasonOverload Reason = "overload"
)

// Degraded names what an answer lacks.
type Degraded struct {
	// Leg is LegSparse or LegDense.
	Leg    string `json:"leg"`
	Reason Reason `json:"reason"`
	// Detail is for a person, e.g. how many documents lag.
	Detail string `json:"detail,omitempty"`
}

// Total counts matching documents.
type Total struct {
	Value int `json:"value"`
	// Relation is "eq" for an exact count and "gte" for a lower bound.
	Relation string `json:"relation"`
	// Scope names the leg that was counted.
	Scope string `json:"scope"`
}

// The values of Total.Relation.
const (
	RelationExact   = "eq"
	RelationAtLeast = "gte"
)

// LegShare is what one leg contributed to a hit.
type LegShare struct {
	// Rank starts at 1.
	Rank int `json:"rank"`
	// Score is the leg's own: BM25, or the cosine.
	Score float64 `json:"score"`
	// Share is what the leg added to the fused score.
	Share float64 `json:"share"`
}

// Legs has an entry for each leg that found the hit; it is there only if the search asked to explain.
type Legs struct {
	Sparse *LegShare `json:"sparse,omitempty"`
	Dense  *LegShare `json:"dense,omitempty"`
}

// SearchHit is one document of an answer.
type SearchHit struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
	// Source is the document as it was written, a JSON object; of a passage the split field holds its part.
	Source RawJSON `json:"source"`
	// Passage is a Passage as JSON where documents are split; nil elsewhere, and where hits are collapsed.
	Passage RawJSON `json:"passage,omitempty"`
	Legs    *Legs   `json:"legs,omitempty"`
	// Passages are the best ones of the document where hits are collapsed, best first. ID is then the document's;
	// Score, Source and Legs are those of the best passage.
	Passages []PassageHit `json:"passages,omitempty"`
}

// PassageHit is one passage of a document, where hits are collapsed.
type PassageHit struct {
	ID       string  `json:"id"`
	Position int     `json:"position"`
	Score    float64 `json:"score"`
	Source   RawJSON `json:"source"`
	// Passage is a Passage as JSON.
	Passage RawJSON `json:"passage,omitempty"`
	Legs    *Legs   `json:"legs,omitempty"`
	// Before and After are the neighbours' text, without what they have in common with the passage; nil unless
	// asked for, and "" at the ends of the text.
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
}

// RawJSON is JSON that is passed on as it is.
type RawJSON []byte

// MarshalJSON gives r itself.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of data.
func (r *RawJSON) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}

// Timings are in milliseconds; 0 for a step that was not taken.
type Timings struct {
	Embed  float64 `json:"embed,omitempty"`
	Sparse float64 `json:"sparse,omitempty"`
	Dense  float64 `json:"dense,omitempty"`
	Fetch  float64 `json:"fetch,omitempty"`
}

// SearchResponse answers a search.
type SearchResponse struct {
	TookMS float64 `json:"took_ms"`
	// Cached is true if the answer was known: it is the one that running the search would give.
	Cached bool        `json:"cached,omitempty"`
	Total  Total       `json:"total"`
	Hits   []SearchHit `json:"hits"`
	// Fusion is as used.
	Fusion    Fusion     `json:"fusion"`
	Degraded  []Degraded `json:"degraded"`
	TimingsMS Timings    `json:"timings_ms"`
}
