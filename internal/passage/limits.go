package passage

const (
	// maxCharacters bounds a passage that is measured in tokens, for there are texts without any.
	maxCharacters = 100_000
	// maxHeadingBytes bounds each heading of a path: every passage under it carries it.
	maxHeadingBytes = 256
	// maxQuoteBytes bounds a quotation that is kept in one sentence, some 300 characters of Japanese. A longer one
	// is taken for a passage of its own text.
	maxQuoteBytes = 900
	// maxWordBytes bounds how far back a full stop looks for the abbreviation that it may belong to.
	maxWordBytes = 16
)
