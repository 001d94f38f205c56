// Package postgres keeps the catalog in PostgreSQL 13 or later, through pgx. What listings ask for and which index
// serves it is in docs/catalog.md.
package postgres
