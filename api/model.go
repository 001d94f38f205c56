package api

import "unicode/utf8"

// ModelChange asks for the vectors of an index to be made anew by another model.
type ModelChange struct {
	// Model is DenseConfig.Model; empty takes the nodes' own.
	Model string
	// Dims is the number of dimensions of its vectors; 0 asks the embedding service.
	Dims int
	// Fields are those to be embedded; none takes those embedded so far.
	Fields []string
}

// ParseModelChange reads {"model": "e5", "dims": 384, "fields": ["title"]}. Its errors are *Problem.
func ParseModelChange(data []byte) (ModelChange, error) {
	s := &scanner{data: data}
	var c ModelChange
	named := false
	err := s.object(func(key string) error {
		var err error
		switch key {
		case "model":
			named = true
			c.Model, err = s.string()
			if err == nil && (len(c.Model) > MaxFieldNameBytes || !utf8.ValidString(c.Model)) {
				err = bad("must be at most %d bytes of valid UTF-8", MaxFieldNameBytes)
			}
		case "dims":
			var n int64
			n, err = s.int()
			if err == nil && (n < 1 || n > MaxDenseDims) {
				err = bad("is %d, must be 1 to %d", n, MaxDenseDims)
			}
			c.Dims = int(n)
		case "fields":
			err = s.array(func(int) error {
				name, err := s.string()
				c.Fields = append(c.Fields, name)
				return err
			})
		default:
			err = bad("is no part of a change of the model (model, dims, fields)")
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && !named {
		err = badField("model", "is missing")
	}
	return c, complete(ProblemRequest, err)
}

// GenerationInfo tells of the vectors that one model made.
type GenerationInfo struct {
	Generation int    `json:"generation"`
	Model      string `json:"model,omitempty"`
	Dims       int    `json:"dims,omitempty"`
	// State is current, filling or dropping.
	State string `json:"state"`
	// Vectors is the number there are, Waiting that of the documents which wait for theirs to be found, Failed that of
	// those which can't be embedded.
	Vectors int `json:"vectors"`
	Waiting int `json:"waiting"`
	Failed  int `json:"failed"`
	// LagSeconds is the age of the oldest document that waits.
	LagSeconds float64 `json:"lag_seconds"`
	// Rate is the number of documents a second that get theirs, lately.
	Rate float64 `json:"documents_per_second"`
	// Trouble is why nothing goes on; empty if it does.
	Trouble string `json:"trouble,omitempty"`
}

// The states of a generation, GenerationInfo.State.
const (
	GenerationCurrent  = "current"
	GenerationFilling  = "filling"
	GenerationDropping = "dropping"
)

// DenseFailure is a document that can't be embedded.
type DenseFailure struct {
	ID      string `json:"id"`
	Version uint64 `json:"version"`
	Reason  string `json:"reason"`
}

// DenseFailures are documents of an index that can't be embedded.
type DenseFailures struct {
	Generation int `json:"generation"`
	// Failures are by id, as many as are kept; More is how many more there are.
	Failures []DenseFailure `json:"failures"`
	More     int            `json:"more"`
}
