// Package fusion merges the ranked lists of several legs (lexical, dense, ...) into one list. It is
// pure: no input or output, no clock, no randomness; equal arguments give bit-equal results, and the
// order in which the legs are given decides nothing.
package fusion
