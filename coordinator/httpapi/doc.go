// Package httpapi is the native API under /v1 on fasthttp: routes, limits, admission and streaming. It
// is the one place that maps errors to status codes.
package httpapi
