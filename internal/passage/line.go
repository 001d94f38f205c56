package passage

import "strings"

// marked reports whether a line begins an element of a list or a row of a table, or is quoted.
func marked(line string) bool {
	trimmed := strings.TrimLeft(line, " \t")
	if trimmed == "" {
		return false
	}
	switch trimmed[0] {
	case '-', '*', '+':
		return len(trimmed) == 1 || trimmed[1] == ' ' || trimmed[1] == '\t'
	case '>', '|':
		return true
	}
	for _, bullet := range []string{"•", "・", "●", "○", "■", "◆", "※"} {
		if strings.HasPrefix(trimmed, bullet) {
			return true
		}
	}
	return numbered(trimmed)
}

// numbered reports whether a line begins as "12. " or "3) ".
func numbered(line string) bool {
	const maxDigits = 4
	n := 0
	for n < len(line) && n <= maxDigits && line[n] >= '0' && line[n] <= '9' {
		n++
	}
	if n == 0 || n > maxDigits || n+1 >= len(line) {
		return false
	}
	return (line[n] == '.' || line[n] == ')') && (line[n+1] == ' ' || line[n+1] == '\t')
}

// lineAt gives the line at a place, which is its start, without its end.
func lineAt(text string, at int) string {
	if end := strings.IndexByte(text[at:], '\n'); end >= 0 {
		return strings.TrimSuffix(text[at:at+end], "\r")
	}
	return text[at:]
}
