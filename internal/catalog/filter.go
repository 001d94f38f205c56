package catalog

import "time"

// Order is that of a listing.
type Order uint8

// The orders.
const (
	// NewestFirst is descending by UpdatedAt, then by id.
	NewestFirst Order = 0
	// ByID is ascending by the id's bytes.
	ByID Order = 1
)

// Filter selects documents of an index; what is zero selects all.
type Filter struct {
	// Index is the index's UUID; required.
	Index string
	State State
	// Source is what Document.Source begins with.
	Source string
	// Text occurs in the id, capitals and small letters being told apart; without U+0000 to U+0002.
	Text string
	// Parent selects the passages of a document.
	Parent string
	// UpdatedFrom and UpdatedTo bound Document.UpdatedAt; the latter is exclusive.
	UpdatedFrom, UpdatedTo time.Time
	Order                  Order
}

// Page says which part of a listing is wanted.
type Page struct {
	// After is DocumentPage.Next, and the like, of the page before; "" for the first.
	After string
	// Limit is 1 to MaxPage; 0 is DefaultPage.
	Limit int
}

// DocumentPage is a part of a listing.
type DocumentPage struct {
	Documents []Document
	// Next is Page.After of the next page; "" if this is the last one.
	Next string
}
