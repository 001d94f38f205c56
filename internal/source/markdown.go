package source

import "strings"

// parseMarkdown takes front matter off a Markdown text. The title is that of the front matter, the first heading, or
// the name of the file.
func (f *File) parseMarkdown(text string) []member {
	members, text := frontMatter(text)
	title := ""
	for i, m := range members {
		if m.name == "title" {
			title = m.text
			members = append(members[:i:i], members[i+1:]...)
			break
		}
	}
	if title == "" {
		title = firstHeading(text)
	}
	if title == "" {
		title = f.stem()
	}
	kept := []member{{name: "title", text: title}}
	for _, m := range members {
		switch m.name {
		case "text", "path", "kind", "modified":
			// These say what the file is, not what it says of itself.
		default:
			kept = append(kept, m)
		}
	}
	return append(kept, member{name: "text", text: text})
}

// firstHeading gives the first heading of the first level.
func firstHeading(text string) string {
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~"):
			fenced = !fenced
		case !fenced && strings.HasPrefix(line, "# "):
			return strings.TrimSpace(strings.Trim(line, "# "))
		}
	}
	return ""
}

// frontMatter reads the lines between "---" and "---" at the start of a text: "key: value", "key: [a, b]", and lists
// of a value a line. What is nested deeper is passed over.
func frontMatter(text string) ([]member, string) {
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return nil, text
	}
	var members []member
	var list *member // takes the lines of a list that follow
	for range maxFrontMatter {
		line, after, more := strings.Cut(rest, "\n")
		rest = after
		trimmed := strings.TrimSpace(line)
		if line == "---" || line == "..." {
			return emptyOut(members), rest
		}
		if !more {
			break
		}
		element, isElement := strings.CutPrefix(trimmed, "- ")
		indented := line != trimmed && strings.HasPrefix(line, " ")
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case isElement && list != nil:
			list.list = append(list.list, scalar(element))
		case indented || isElement:
			list = nil
		default:
			name, value, found := strings.Cut(line, ":")
			if !found {
				return nil, text // no front matter, but text between lines
			}
			members = append(members, member{name: strings.TrimSpace(name)})
			list = &members[len(members)-1]
			if value = strings.TrimSpace(value); value != "" {
				list.fill(value)
				list = nil
			}
		}
	}
	return nil, text
}

// fill takes a value on the line of its key.
func (m *member) fill(value string) {
	inner, ok := strings.CutPrefix(value, "[")
	if ok && strings.HasSuffix(inner, "]") {
		for element := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
			if element = scalar(element); element != "" {
				m.list = append(m.list, element)
			}
		}
		return
	}
	m.text = scalar(value)
}

// scalar takes quotation marks and a comment off a value.
func scalar(value string) string {
	value = strings.TrimSpace(value)
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') {
		if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
			return value[1 : 1+end]
		}
	}
	if at := strings.Index(value, " #"); at >= 0 {
		value = strings.TrimSpace(value[:at])
	}
	return value
}

// emptyOut leaves out keys without a value.
func emptyOut(members []member) []member {
	var kept []member
	for _, m := range members {
		if m.text != "" || m.list != nil {
			kept = append(kept, m)
		}
	}
	return kept
}
