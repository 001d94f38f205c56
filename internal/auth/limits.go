package auth

import "time"

const (
	// MaxPermissions bounds the permissions of a role or a key: each is looked at on every request.
	MaxPermissions = 64
	// MaxPatterns bounds the index patterns of one permission.
	MaxPatterns = 256
	// MaxRoles bounds the roles of a key or a token.
	MaxRoles = 64
	// MaxNameBytes bounds the name of a role or an attribute.
	MaxNameBytes = 128
	// MaxFilterBytes bounds a document filter: it is parsed with every request that it restricts.
	MaxFilterBytes = 4 << 10
	// MaxFilterDepth bounds its nesting; api.MaxQueryDepth leaves room for the query's own.
	MaxFilterDepth = 8
	// MaxAttributes and MaxAttributeValues bound what a caller brings for filters: a claim of groups has hundreds.
	MaxAttributes      = 32
	MaxAttributeValues = 1000
	// MaxAttributeBytes bounds one value.
	MaxAttributeBytes = 1024
	// MaxTokenBytes bounds a token: the header that carries it has 16 KiB with everything else.
	MaxTokenBytes = 8 << 10
	// minPepperBytes is as much as HMAC-SHA-256 gives strength for.
	minPepperBytes = 32
	// MaxClockSkew bounds how far the clocks of an issuer and of a node may be apart.
	MaxClockSkew = 10 * time.Minute
	// MaxAuditLineBytes bounds one line of an audit log.
	MaxAuditLineBytes = 64 << 10
)
