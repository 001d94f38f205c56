package analysis

import "sort"

// edit says that [from, to) of a changed text stands for [origFrom, origTo) of the text before.
type edit struct{ from, to, origFrom, origTo int }

// edits are the changes made to a text, ascending; they lead back to the offsets before.
type edits []edit

// start gives the offset before of what begins at the offset at.
func (e edits) start(at int) int {
	i := sort.Search(len(e), func(i int) bool { return e[i].from > at })
	switch {
	case i == 0:
		return at
	case at < e[i-1].to:
		return e[i-1].origFrom
	}
	return e[i-1].origTo + at - e[i-1].to
}

// end gives the offset before of what ends at the offset at.
func (e edits) end(at int) int {
	i := sort.Search(len(e), func(i int) bool { return e[i].from >= at })
	switch {
	case i == 0:
		return at
	case at <= e[i-1].to:
		return e[i-1].origTo
	}
	return e[i-1].origTo + at - e[i-1].to
}
