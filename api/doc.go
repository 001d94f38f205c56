// Package api is the vocabulary that every room of sagasu shares: schemas, documents, queries,
// requests, responses, degraded reasons and problems. It holds values and their parsing, imports
// nothing of ours, and does no input or output.
package api
