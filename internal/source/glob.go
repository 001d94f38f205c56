package source

import (
	"fmt"
	"path"
	"strings"
)

// checkGlob gives ErrGlob for a pattern that can't be.
func checkGlob(glob string) error {
	for _, part := range strings.Split(glob, "/") {
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("%w %q: %w", ErrGlob, glob, err)
		}
	}
	return nil
}

// matches reports whether one of the patterns, which checkGlob has let pass, matches a path; so does having none.
func matches(globs []string, file string) bool {
	for _, glob := range globs {
		if !strings.Contains(glob, "/") {
			if ok, _ := path.Match(glob, path.Base(file)); ok {
				return true
			}
			continue
		}
		if matchParts(strings.Split(strings.TrimPrefix(glob, "/"), "/"), strings.Split(file, "/")) {
			return true
		}
	}
	return len(globs) == 0
}

// matchParts matches element by element.
func matchParts(glob, file []string) bool {
	for len(glob) > 0 {
		if glob[0] == "**" {
			for len(glob) > 0 && glob[0] == "**" {
				glob = glob[1:]
			}
			for at := 0; at <= len(file); at++ {
				if matchParts(glob, file[at:]) {
					return true
				}
			}
			return false
		}
		if len(file) == 0 {
			return false
		}
		if ok, _ := path.Match(glob[0], file[0]); !ok {
			return false
		}
		glob, file = glob[1:], file[1:]
	}
	return len(file) == 0
}
