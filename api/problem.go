package api

// Problem is an RFC 9457 problem detail, with the field at fault.
type Problem struct {
	// Type is a stable URI reference, e.g. "/problems/invalid-query".
	Type  string `json:"type"`
	Title string `json:"title"`
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Detail is a sentence for a person.
	Detail string `json:"detail,omitempty"`
	// Field names what is at fault as a path in the request, e.g. "query.bool.must[2].term.year".
	Field string `json:"field,omitempty"`
	// Reason names why a change of the cluster is refused, of the list at Refused; empty for other problems.
	Reason string `json:"reason,omitempty"`
}

// Error gives "field: detail", so a Problem can travel as an error.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field == "" {
		return text
	}
	return p.Field + ": " + text
}
