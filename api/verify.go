package api

// VerifyReport says where the stores of an index differ.
type VerifyReport struct {
	// Operation is the id of the operation that compared them, Index the index's name.
	Operation string `json:"operation"`
	Index     string `json:"index"`
	// Documents is the number of documents that were compared, Failed that of those which can't be embedded; these
	// are no difference.
	Documents int `json:"documents"`
	Failed    int `json:"failed"`
	// Stores names what was compared with the shards: milvus, catalog.
	Stores []string `json:"stores"`
	// Differences are those that there are; none if the stores agree.
	Differences []Difference `json:"differences"`
	// Repair says that what differs is being brought right.
	Repair bool `json:"repair"`
}

// Difference is one way in which documents differ between stores.
type Difference struct {
	// Kind is one of the kinds below.
	Kind string `json:"kind"`
	// Generation is that of the vectors, nil where it is not about vectors.
	Generation *int `json:"generation,omitempty"`
	// Count is the number of documents, IDs the first of them, at most MaxDifferenceIDs.
	Count int      `json:"count"`
	IDs   []string `json:"ids"`
}

// The kinds of Difference.
const (
	// DifferenceWaiting are documents whose vectors are not made yet.
	DifferenceWaiting = "vector_waiting"
	// DifferenceMilvusMissing are vectors that Milvus lacks, DifferenceMilvusExtra those it should not have, and
	// DifferenceMilvusStale those it has of an other version of the document.
	DifferenceMilvusMissing = "milvus_missing"
	DifferenceMilvusExtra   = "milvus_extra"
	DifferenceMilvusStale   = "milvus_stale"
	// DifferenceCatalogMissing are documents that the catalog lacks, DifferenceCatalogExtra those that it should not
	// have, DifferenceCatalogStale those it has in another version, DifferenceCatalogState those of another state.
	DifferenceCatalogMissing = "catalog_missing"
	DifferenceCatalogExtra   = "catalog_extra"
	DifferenceCatalogStale   = "catalog_stale"
	DifferenceCatalogState   = "catalog_state"
)
