// Package obs is the operations side of a node: the registry of its metrics, and a server for metrics,
// health and profiles on a port that is never public.
package obs
