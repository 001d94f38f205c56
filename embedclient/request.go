package embedclient

import "strconv"

// appendText appends a text to a JSON document, as a string. The text is valid UTF-8.
func appendText(dst []byte, prefix, text string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, prefix)
	dst = appendEscaped(dst, text)
	return append(dst, '"')
}

// appendEscaped escapes what JSON wants escaped, and nothing else.
func appendEscaped(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, text[from:]...)
}

// appendTexts appends an array of texts.
func appendTexts(dst []byte, prefix string, texts []string) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, prefix, text)
	}
	return append(dst, ']')
}

// appendString appends a member whose value is a string, unless it is empty.
func appendString(dst []byte, name, value string) []byte {
	if name == "" || value == "" {
		return dst
	}
	dst = append(dst, ',')
	dst = appendText(dst, "", name)
	dst = append(dst, ':')
	return appendText(dst, "", value)
}

// appendOpenAI appends the body of a request to /v1/embeddings.
func appendOpenAI(dst []byte, c *Config, kind Kind, texts []string) []byte {
	dst = append(dst, `{"input":`...)
	dst = appendTexts(dst, c.prefix(kind), texts)
	dst = appendString(dst, "model", c.model(kind))
	inputType := c.PassageInputType
	if kind == Query {
		inputType = c.QueryInputType
	}
	dst = appendString(dst, c.InputTypeField, inputType)
	dst = appendString(dst, "encoding_format", c.Encoding)
	if c.SendDims {
		dst = append(dst, `,"dimensions":`...)
		dst = strconv.AppendInt(dst, int64(c.Dims), 10)
	}
	return append(dst, '}')
}

// appendTEI appends the body of a request to /embed or /embed_sparse.
func appendTEI(dst []byte, c *Config, kind Kind, texts []string) []byte {
	dst = append(dst, `{"inputs":`...)
	dst = appendTexts(dst, c.prefix(kind), texts)
	prompt := c.PassagePrompt
	if kind == Query {
		prompt = c.QueryPrompt
	}
	dst = appendString(dst, "prompt_name", prompt)
	dst = append(dst, `,"truncate":`...)
	dst = strconv.AppendBool(dst, c.Truncate && kind == Query)
	return append(dst, '}')
}
