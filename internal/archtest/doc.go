// Package archtest holds the rules on the shape of the repository, and its test holds the repository to
// them: which room imports which, which room owns which outside library, which rooms are pure, and what
// no file may contain. The rules are a table (rules.go), the checks are functions of one parsed file, so
// that each has a test that shows it a violation.
//
// The files are parsed here rather than listed by the go command, which leaves out files of other
// platforms and build tags.
package archtest
