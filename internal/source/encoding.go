package source

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	utf16 "golang.org/x/text/encoding/unicode"
)

// decoded gives a stream in UTF-8 of one that may be in another encoding, told by its start and by what it says of
// itself, a name such as "shift_jis" or "". Without other signs, text that is not UTF-8 is taken for Japanese if it
// can be, and for Windows-1252 if not, unless it is to be "utf-8".
func decoded(in io.Reader, start []byte, says string) io.Reader {
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
		return &skipping{in: in, left: 3}
	}
	from := encodingOf(start, says)
	if from == nil {
		return in
	}
	return from.NewDecoder().Reader(in)
}

// skipping leaves out the first bytes of a stream.
type skipping struct {
	in   io.Reader
	left int64
}

func (s *skipping) Read(p []byte) (int, error) {
	if s.left > 0 {
		if _, err := io.CopyN(io.Discard, s.in, s.left); err != nil {
			return 0, err
		}
		s.left = 0
	}
	return s.in.Read(p)
}

// encodingOf gives the encoding of a text by its start; nil is UTF-8.
func encodingOf(start []byte, says string) encoding.Encoding {
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return utf16.UTF16(utf16.LittleEndian, utf16.UseBOM)
	case bytes.Contains(start, []byte("\x1b$B")), bytes.Contains(start, []byte("\x1b$@")):
		return japanese.ISO2022JP
	case validStart(start), mostlyValid(start):
		return nil
	}
	switch strings.ToLower(says) {
	case "shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "cp932", "ms932":
		return japanese.ShiftJIS
	case "euc-jp", "x-euc-jp", "eucjp":
		return japanese.EUCJP
	case "iso-8859-1", "latin1", "windows-1252":
		return charmap.Windows1252
	}
	best, most := encoding.Encoding(charmap.Windows1252), 0
	if strings.EqualFold(says, "utf-8") {
		best = nil
	}
	for _, e := range []encoding.Encoding{japanese.EUCJP, japanese.ShiftJIS} {
		if n := japaneseIn(e, start); n > most {
			best, most = e, n
		}
	}
	return best
}

// validStart reports whether the start of a text is UTF-8. Where it is not all of it, it may break off within a
// character.
func validStart(start []byte) bool {
	if len(start) < probeBytes {
		return utf8.Valid(start)
	}
	for cut := range utf8.UTFMax {
		if utf8.Valid(start[:len(start)-cut]) {
			return true
		}
	}
	return false
}

// mostlyValid reports whether a text is UTF-8 but for single faults, which are told where they are met.
func mostlyValid(start []byte) bool {
	valid, faults := 0, 0
	for at := 0; at < len(start); {
		r, size := utf8.DecodeRune(start[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			faults++
		case size > 1:
			valid++
		}
		at += size
	}
	const rare = 20
	return valid > rare*faults
}

// japaneseIn tells how much a text looks like Japanese in an encoding: its Kana, and Kanji for less, as the wrong
// encoding makes rare Kanji of anything. 0 for what can't be in it.
func japaneseIn(e encoding.Encoding, start []byte) int {
	text, err := e.NewDecoder().Bytes(start)
	if err != nil {
		return 0
	}
	if len(start) >= probeBytes {
		text = bytes.TrimSuffix(text, []byte(string(utf8.RuneError)))
	}
	score := 0
	for _, r := range string(text) {
		switch {
		case r == utf8.RuneError:
			return 0
		case r >= 0xff61 && r <= 0xff9f: // half-width Kana, which are any bytes at all in Shift_JIS
			score--
		case unicode.In(r, unicode.Hiragana, unicode.Katakana), r == '、', r == '。':
			score += 4
		case unicode.Is(unicode.Han, r):
			score++
		}
	}
	return score
}
