package embedclient

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// failure is why one attempt failed.
type failure struct {
	err error
	// retry tells that another attempt may succeed.
	retry bool
	// breaks tells that the service is in trouble, for the breaker.
	breaks bool
	// after is how long the service asks to wait, 0 if it does not.
	after time.Duration
}

// statusFailure returns what a status other than 200 means.
func statusFailure(status int, retryAfter string, body []byte, now time.Time) *failure {
	describe := func(sentinel error) error {
		return fmt.Errorf("%w: status %d: %s", sentinel, status, message(body))
	}
	switch {
	case status == http.StatusRequestTimeout:
		return &failure{err: describe(ErrTimeout), retry: true, breaks: true}
	case status == http.StatusTooManyRequests:
		return &failure{err: describe(ErrUnavailable), retry: true, after: parseRetryAfter(retryAfter, now)}
	case status == http.StatusFailedDependency:
		// text-embeddings-inference says so when the model, not the request, failed.
		return &failure{err: describe(ErrUnavailable), retry: true, breaks: true}
	case status >= 500:
		after := parseRetryAfter(retryAfter, now)
		return &failure{err: describe(ErrUnavailable), retry: status != http.StatusNotImplemented, breaks: true, after: after}
	case refusesClient(status):
		return &failure{err: describe(ErrUnavailable)}
	default:
		return &failure{err: describe(ErrRejected)}
	}
}

// refusesClient reports whether a status speaks of the key, the address or the protocol: whatever the
// text, the answer is the same, so that no text must be blamed for it.
func refusesClient(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusUnsupportedMediaType:
		return true
	default:
		return status < 400
	}
}

// parseRetryAfter reads the header: seconds, or a date. What is in the past or no valid value is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	var after time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}

// message finds the service's own words in the body of an error: the member error, error.message,
// message or detail of an object, or else the text itself.
func message(body []byte) string {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	text := string(body)
	if json.Unmarshal(body, &answer) == nil {
		var inner struct {
			Message string `json:"message"`
		}
		var plain string
		switch {
		case json.Unmarshal(answer.Error, &inner) == nil && inner.Message != "":
			text = inner.Message
		case json.Unmarshal(answer.Error, &plain) == nil && plain != "":
			text = plain
		case answer.Message != "":
			text = answer.Message
		case json.Unmarshal(answer.Detail, &plain) == nil && plain != "":
			text = plain
		}
	}
	return shorten(text)
}

// shorten makes one printable line of at most maxMessageBytes.
func shorten(text string) string {
	if len(text) > maxMessageBytes {
		cut := maxMessageBytes
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "..."
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if text == "" {
		return "(no message)"
	}
	return text
}
