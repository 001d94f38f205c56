package state

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// invalid is a refusal that says what is wrong.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// checkID holds an id to what is safe as a name of a directory: letters, digits, ".", "_" and "-", not a
// "." at first.
func checkID(what, id string) error {
	switch {
	case id == "":
		return invalid("%s is empty", what)
	case len(id) > MaxIDBytes:
		return invalid("%s has %d bytes, at most %d are allowed", what, len(id), MaxIDBytes)
	case id[0] == '.' || strings.ContainsFunc(id, notOfID):
		return invalid("%s %q has other characters than letters, digits, ., _ and -", what, id)
	}
	return nil
}

func notOfID(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// checkName holds the name of an index or alias to its length; what else it may be is the API's matter.
func checkName(what, name string) error {
	if name == "" || len(name) > MaxNameBytes {
		return invalid("%s has a name of %d bytes, must be 1 to %d", what, len(name), MaxNameBytes)
	}
	return nil
}

// checkText holds a text that may be empty to a line of bounded length.
func checkText(what, text string, most int) error {
	if len(text) > most {
		return invalid("%s has %d bytes, at most %d are allowed", what, len(text), most)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return invalid("%s has a control character", what)
	}
	return nil
}

// checkMillis refuses times before 1970.
func checkMillis(what string, millis int64) error {
	if millis < 0 {
		return invalid("%s is %d, before 1970", what, millis)
	}
	return nil
}

// cut shortens a text to a number of bytes, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
