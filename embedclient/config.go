package embedclient

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The protocols.
const (
	// ProtocolOpenAI is POST /v1/embeddings.
	ProtocolOpenAI = "openai"
	// ProtocolTEI is text-embeddings-inference: POST /embed and /embed_sparse.
	ProtocolTEI = "tei"
)

// The encodings of vectors in a response. What the service sends is understood in either case.
const (
	// EncodingFloat asks for numbers.
	EncodingFloat = "float"
	// EncodingBase64 asks for little-endian float32 in base64: a third of the size, no parsing.
	EncodingBase64 = "base64"
)

// Config says which service to ask, and how. Begin with Default and set URL.
type Config struct {
	// URL is the service's address, http or https. For OpenAI it may end in /v1 or /v1/embeddings.
	URL string
	// Protocol is ProtocolOpenAI or ProtocolTEI.
	Protocol string
	// APIKey is sent as a bearer token when not empty.
	APIKey string

	// Model is the name of the model, sent when not empty; QueryModel and PassageModel replace it for
	// their kind. OpenAI only.
	Model, QueryModel, PassageModel string
	// InputTypeField is the member that tells the kind of the texts, with the values QueryInputType
	// and PassageInputType; when it is empty none is sent, as the service of OpenAI itself wants it.
	// OpenAI only.
	InputTypeField, QueryInputType, PassageInputType string
	// Encoding is EncodingFloat or EncodingBase64. OpenAI only.
	Encoding string
	// SendDims asks for Dims dimensions, of models that can shorten their vectors. OpenAI only.
	SendDims bool

	// QueryPrompt and PassagePrompt name a prompt of the model's configuration. TEI only.
	QueryPrompt, PassagePrompt string
	// Truncate lets the service cut queries that are too long for the model, instead of rejecting them. Passages are
	// never cut by it, for it does not tell: their sender does, and can say so. TEI only; OpenAI-compatible services
	// decide by themselves.
	Truncate bool

	// QueryPrefix and PassagePrefix are put before each text, as "query: " for E5 models behind
	// services that don't know kinds.
	QueryPrefix, PassagePrefix string
	// Dims is how many values each vector must have; 0 takes what comes, if it is the same within a
	// response.
	Dims int

	// BatchSize bounds the texts of a request, BatchBytes their total size; a longer text goes alone.
	BatchSize, BatchBytes int
	// Concurrency bounds the requests under way, for each kind: passages never take a query's place.
	Concurrency int
	// Timeout bounds one attempt, from connecting to the last byte; QueryTimeout that for queries,
	// which come alone and whose caller is a search: a service that hangs is to be noticed soon.
	Timeout, QueryTimeout time.Duration
	// MaxRetries bounds how often a request is sent again.
	MaxRetries int
	// Cache keeps the vectors of queries; nil for none.
	Cache Cache
}

// Default returns the settings for an OpenAI-compatible service of one model, without its URL.
func Default() Config {
	return Config{
		Protocol:         ProtocolOpenAI,
		InputTypeField:   "input_type",
		QueryInputType:   "query",
		PassageInputType: "passage",
		Encoding:         EncodingBase64,
		Truncate:         true,
		BatchSize:        32,
		BatchBytes:       1 << 20,
		Concurrency:      4,
		Timeout:          30 * time.Second,
		QueryTimeout:     3 * time.Second,
		MaxRetries:       3,
	}
}

// Validate returns ErrBadConfig for the first setting that is missing or out of range.
func (c Config) Validate() error {
	if err := c.validateURL(); err != nil {
		return err
	}
	switch {
	case c.Protocol != ProtocolOpenAI && c.Protocol != ProtocolTEI:
		return fmt.Errorf("%w: protocol is %q, want %q or %q", ErrBadConfig, c.Protocol, ProtocolOpenAI, ProtocolTEI)
	case c.Protocol == ProtocolOpenAI && c.Encoding != EncodingFloat && c.Encoding != EncodingBase64:
		return fmt.Errorf("%w: encoding is %q, want %q or %q", ErrBadConfig, c.Encoding, EncodingFloat, EncodingBase64)
	case c.SendDims && c.Dims == 0:
		return fmt.Errorf("%w: send_dims needs dims", ErrBadConfig)
	case strings.ContainsAny(c.APIKey, "\r\n"):
		return fmt.Errorf("%w: api_key has a line break", ErrBadConfig)
	case c.Timeout <= 0 || c.Timeout > maxTimeout:
		return fmt.Errorf("%w: timeout is %v, want over 0 and at most %v", ErrBadConfig, c.Timeout, maxTimeout)
	case c.QueryTimeout <= 0 || c.QueryTimeout > maxTimeout:
		return fmt.Errorf("%w: query_timeout is %v, want over 0 and at most %v", ErrBadConfig, c.QueryTimeout, maxTimeout)
	}
	for _, r := range []struct {
		name            string
		value, min, max int
	}{
		{"dims", c.Dims, 0, maxUnknownDims},
		{"batch_size", c.BatchSize, 1, maxBatchSize},
		{"batch_bytes", c.BatchBytes, 1, maxBatchBytes},
		{"concurrency", c.Concurrency, 1, maxConcurrency},
		{"max_retries", c.MaxRetries, 0, maxRetries},
	} {
		if r.value < r.min || r.value > r.max {
			return fmt.Errorf("%w: %s is %d, want %d to %d", ErrBadConfig, r.name, r.value, r.min, r.max)
		}
	}
	return nil
}

// validateURL checks the URL. Messages leave out its user part, which may hold a password.
func (c Config) validateURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return fmt.Errorf("%w: url can't be parsed", ErrBadConfig)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%w: url is %q, want http://HOST:PORT or https://HOST:PORT", ErrBadConfig, u.Redacted())
	case u.User != nil:
		return fmt.Errorf("%w: url has a user part; use api_key", ErrBadConfig)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: url has a query or a fragment", ErrBadConfig)
	}
	return nil
}

// model returns the name of the model for texts of the kind.
func (c *Config) model(kind Kind) string {
	switch {
	case kind == Query && c.QueryModel != "":
		return c.QueryModel
	case kind == Passage && c.PassageModel != "":
		return c.PassageModel
	default:
		return c.Model
	}
}

// prefix returns what to put before texts of the kind.
func (c *Config) prefix(kind Kind) string {
	if kind == Query {
		return c.QueryPrefix
	}
	return c.PassagePrefix
}

// timeout returns the bound of one attempt for texts of the kind.
func (c *Config) timeout(kind Kind) time.Duration {
	if kind == Query {
		return c.QueryTimeout
	}
	return c.Timeout
}
