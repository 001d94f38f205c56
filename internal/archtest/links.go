package archtest

import (
	"path"
	"regexp"
	"strings"
)

// CheckLinks gives the links of a Markdown file that lead to no file of the repository. Links to other
// sites and within the file are not looked at. exists says of a path relative to the root whether there
// is a file or a directory.
func CheckLinks(file, text string, exists func(path string) bool) []Violation {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	var found []Violation
	for i, line := range strings.Split(text, "\n") {
		for _, match := range link.FindAllStringSubmatch(line, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue
			}
			if !exists(path.Join(path.Dir(file), target)) {
				found = append(found, Violation{Path: file, Line: i + 1, Detail: "links to " + target + ", which is not there"})
			}
		}
	}
	return found
}
