// Package sqlite keeps the catalog in one file, for a node on its own. It does what package postgres does, one write
// at a time, and is meant for up to some hundred thousand documents.
package sqlite
