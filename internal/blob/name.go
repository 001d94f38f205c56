package blob

import (
	"fmt"
	"strings"
)

// TempPrefix begins the names of what is being written to a directory. Such objects are what a Put left that never
// ended, once they are old; List gives them like others.
const TempPrefix = "tmp/"

// CheckName returns ErrName unless name is a path of small letters, digits, ".", "_" and "-", with slashes between its
// elements, none of which begins with ".": a name that means the same in every file system and store, and never
// leads out of it.
func CheckName(name string) error {
	if name == "" || len(name) > MaxNameBytes {
		return fmt.Errorf("%w: it has %d bytes, must be 1 to %d", ErrName, len(name), MaxNameBytes)
	}
	elements := strings.Split(name, "/")
	if len(elements) > maxElements {
		return fmt.Errorf("%w: %.64q has more than %d elements", ErrName, name, maxElements)
	}
	for _, e := range elements {
		if e == "" || e[0] == '.' || strings.ContainsFunc(e, notOfName) {
			return fmt.Errorf("%w: %.64q", ErrName, name)
		}
	}
	return nil
}

func notOfName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// checkPrefix holds what List is given to the same characters; it need not end with an element.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckName(prefix + "x")
}
