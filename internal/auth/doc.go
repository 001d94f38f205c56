// Package auth decides who may do what: actions, roles, permissions, filters bound to a caller, keys and tokens. It
// knows no network, no disk and no clock of its own; what it needs of them is passed in.
package auth
