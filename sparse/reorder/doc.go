// Package reorder finds an order of documents in which neighbours share terms.
package reorder
