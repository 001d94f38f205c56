package passage

import (
	"strings"
	"unicode/utf8"
)

// section is what stands under one path of headings, the headings themselves included.
type section struct {
	from, to int
	heading  string
}

// sections cuts a Markdown text before its headings. Headings with nothing between them begin one section.
func sections(text string) []section {
	var path [6]string
	all := []section{{to: len(text)}}
	filled := 0 // up to here the present section has nothing but headings
	for _, h := range headings(text) {
		current := &all[len(all)-1]
		if strings.TrimSpace(text[filled:h.from]) != "" {
			current.to = h.from
			all = append(all, section{from: h.from, to: len(text)})
			current = &all[len(all)-1]
		}
		path[h.level-1] = h.title
		clear(path[h.level:])
		current.heading = joinPath(path)
		filled = h.to
	}
	return all
}

// joinPath leaves out the levels that have no heading.
func joinPath(path [6]string) string {
	var parts []string
	for _, title := range path {
		if title != "" {
			parts = append(parts, title)
		}
	}
	return strings.Join(parts, " > ")
}

// heading is one of a Markdown text, from the start of its first line to the end of its last.
type heading struct {
	from, to, level int
	title           string
}

// headings finds the headings of a Markdown text (CommonMark 0.31, sections 4.2 and 4.3) outside of fenced code. Of
// underlined ones it takes those of one line.
func headings(text string) []heading {
	var found []heading
	fence := ""
	// single is where a paragraph of one line, which ends right before the present line, starts; -1 for none.
	single, fresh := -1, true
	for from := 0; from < len(text); {
		to := len(text)
		if at := strings.IndexByte(text[from:], '\n'); at >= 0 {
			to = from + at + 1
		}
		body := strings.TrimRight(text[from:to], " \t\r\n")
		opens := fenceOf(body)
		level, title := atx(body)
		switch {
		case fence != "":
			if strings.HasPrefix(opens, fence) && strings.Trim(body, " "+fence[:1]) == "" {
				fence = ""
			}
			single, fresh = -1, fence == ""
		case opens != "":
			fence, single, fresh = opens, -1, false
		case level > 0:
			found = append(found, heading{from: from, to: to, level: level, title: clipHeading(title)})
			single, fresh = -1, true
		case single >= 0 && underlines(body) > 0:
			title := clipHeading(strings.TrimSpace(text[single:from]))
			found = append(found, heading{from: single, to: to, level: underlines(body), title: title})
			single, fresh = -1, true
		case body == "":
			single, fresh = -1, true
		default:
			single = -1
			if fresh && !marked(body) {
				single = from
			}
			fresh = false
		}
		from = to
	}
	return found
}

// indented cuts up to three spaces off a line; more of them make it code.
func indented(line string) (string, bool) {
	trimmed := strings.TrimLeft(line, " ")
	return trimmed, len(line)-len(trimmed) <= 3
}

// atx reads a line such as "## Data ##"; the level is 0 if it is none.
func atx(line string) (level int, title string) {
	line, ok := indented(line)
	for level < len(line) && line[level] == '#' {
		level++
	}
	if !ok || level == 0 || level > 6 {
		return 0, ""
	}
	rest := line[level:]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return 0, ""
	}
	rest = strings.TrimSpace(rest)
	if bare := strings.TrimRight(rest, "#"); bare == "" || strings.HasSuffix(bare, " ") || strings.HasSuffix(bare, "\t") {
		rest = strings.TrimSpace(bare)
	}
	return level, rest
}

// underlines gives the level of the heading that a line makes of the one before it, 0 if it does not.
func underlines(line string) int {
	line, ok := indented(line)
	switch {
	case !ok || line == "":
		return 0
	case strings.Trim(line, "=") == "":
		return 1
	case strings.Trim(line, "-") == "":
		return 2
	}
	return 0
}

// fenceOf gives the run of backquotes or tildes that a line of fenced code begins or ends with, "" for other lines.
func fenceOf(line string) string {
	line, ok := indented(line)
	if !ok || len(line) < 3 || line[0] != '`' && line[0] != '~' {
		return ""
	}
	n := len(line) - len(strings.TrimLeft(line, line[:1]))
	if n < 3 || line[0] == '`' && strings.Contains(line[n:], "`") {
		return ""
	}
	return line[:n]
}

// clipHeading bounds a heading.
func clipHeading(title string) string {
	if len(title) <= maxHeadingBytes {
		return title
	}
	cut := maxHeadingBytes
	for cut > 0 && !utf8.RuneStart(title[cut]) {
		cut--
	}
	return title[:cut] + "…"
}
