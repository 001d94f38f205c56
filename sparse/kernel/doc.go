// Package kernel finds the best documents of one segment for a weighted set of terms: exactly, and looking at as few
// postings as it can. It works on the lists of sparse/segment in place.
//
// Documents are taken a window of 4,096 at a time. Bounds are integers: the weight of each term times the impacts of its
// list is scaled so that the best a document could have fits sixteen bits, and rounded up; a document whose bound is below
// the threshold, rounded down, can't be among the best. In a window the terms are split (MaxScore, Turtle and Flood
// 1995, by the window's own bounds): those without which a document can reach the threshold are essential and are read;
// the others are only asked about the documents that are left. What then is left is scored in doubles, in the order of
// the query's terms, as a scorer without any of this would.
package kernel
