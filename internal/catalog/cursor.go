package catalog

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
)

// Cursor is a place in a listing: behind the row with this time and key. Page.After is one in writing.
type Cursor struct {
	// Kind is of which listing, a letter.
	Kind byte
	At   time.Time
	// Key breaks ties of At; it may be all there is.
	Key string
}

// The kinds of cursor.
const (
	CursorNewest byte = 'n'
	CursorByID   byte = 'i'
	CursorJobs   byte = 'j'
	CursorAudit  byte = 'a'
)

// String gives the cursor as text of letters, digits, "-" and "_".
func (c Cursor) String() string {
	raw := append([]byte{c.Kind}, binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))...)
	return base64.RawURLEncoding.EncodeToString(append(raw, c.Key...))
}

// cursorHead is what comes before the key.
const cursorHead = 1 + 8

// ParseCursor reads what String gives; ErrInvalid if it is not that, or of another listing.
func ParseCursor(text string, kind byte) (Cursor, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < cursorHead || raw[0] != kind {
		return Cursor{}, invalidValue("after", "is %.40q, which is not what this listing gave as next",
			clean(text, MaxNameBytes))
	}
	c := Cursor{Kind: kind, Key: string(raw[cursorHead:])}
	c.At = time.UnixMicro(int64(binary.BigEndian.Uint64(raw[1:cursorHead]))).UTC()
	if name("after", c.Key, false) != nil {
		return Cursor{}, invalidValue("after", "is %.40q, which is of no row", clean(text, MaxNameBytes))
	}
	if year := c.At.Year(); year < 0 || year > 9999 {
		return Cursor{}, invalidValue("after", "is %.40q, which is of no time", clean(text, MaxNameBytes))
	}
	return c, nil
}

// Start gives the place and the number of rows that the page asks for; a nil cursor for the first page.
func (p Page) Start(kind byte) (*Cursor, int, error) {
	limit := p.Limit
	if limit == 0 {
		limit = DefaultPage
	}
	limit, err := CheckLimit(limit, MaxPage)
	if err != nil || p.After == "" {
		return nil, limit, err
	}
	c, err := ParseCursor(p.After, kind)
	return &c, limit, err
}

// Number gives the key as the number that it is in some listings.
func (c *Cursor) Number() (int64, error) {
	n, err := strconv.ParseInt(c.Key, 10, 64)
	if err != nil {
		return 0, invalidValue("after", "is %.40q, which is not what this listing gave as next", c.String())
	}
	return n, nil
}
