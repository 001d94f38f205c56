// Package passage cuts texts into passages that are small enough to be embedded and shown on their own: at Markdown
// headings, at the ends of sentences in English and Japanese, or by length. It is pure, and the same text and
// configuration always give the same passages.
//
// A passage is a slice of the text as it is, so that what stands between two cuts is never lost: without their
// overlaps, the passages one after the other are the text.
package passage
