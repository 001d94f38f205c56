package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Permission allows some actions on the indexes that match a pattern.
type Permission struct {
	Actions []Action `json:"actions"`
	// Indexes are patterns: a name, or the beginning of names before a "*". They do not matter to actions that are not
	// done to an index, and may be missing if there are no others.
	Indexes []string `json:"indexes,omitempty"`
	// Filter restricts the documents, see Filter; empty for all of them.
	Filter string `json:"filter,omitempty"`
}

// Role is a name for permissions.
type Role struct {
	Name        string       `json:"name"`
	Permissions []Permission `json:"permissions"`
}

// The roles that are always there.
const (
	RoleAdmin    = "admin"
	RoleOperator = "operator"
	RoleWriter   = "writer"
	RoleReader   = "reader"
	RoleMonitor  = "monitor"
)

// BuiltinRoles gives the roles that are always there and can't be changed. An operator runs a cluster without seeing
// what is in it.
func BuiltinRoles() []Role {
	everywhere := func(actions ...Action) []Permission {
		return []Permission{{Actions: actions, Indexes: []string{"*"}}}
	}
	return []Role{
		{RoleAdmin, everywhere(Actions()...)},
		{RoleOperator, everywhere(IndexDescribe, IndexAdmin, CatalogRead, ClusterRead, ClusterAdmin, SnapshotsRead,
			SnapshotsAdmin, MetricsRead, AuditRead)},
		{RoleWriter, everywhere(IndexDescribe, IndexRead, IndexWrite, CatalogRead)},
		{RoleReader, everywhere(IndexDescribe, IndexRead)},
		{RoleMonitor, everywhere(IndexDescribe, ClusterRead, MetricsRead)},
	}
}

// Builtin reports whether a role of that name is always there.
func Builtin(name string) bool {
	return slices.ContainsFunc(BuiltinRoles(), func(r Role) bool { return r.Name == name })
}

// Check returns ErrPermission, ErrAction or ErrFilter for a role that can't be.
func (r Role) Check() error {
	if err := CheckName("role", r.Name); err != nil {
		return err
	}
	if len(r.Permissions) == 0 {
		return fmt.Errorf("%w: role %s has none", ErrPermission, r.Name)
	}
	return CheckPermissions(r.Permissions)
}

// CheckPermissions returns ErrPermission, ErrAction or ErrFilter for a list that can't be.
func CheckPermissions(list []Permission) error {
	if len(list) > MaxPermissions {
		return fmt.Errorf("%w: there are %d, at most %d are allowed", ErrPermission, len(list), MaxPermissions)
	}
	for i, p := range list {
		if err := p.check(); err != nil {
			return fmt.Errorf("permissions[%d]: %w", i, err)
		}
	}
	return nil
}

func (p *Permission) check() error {
	if len(p.Actions) == 0 {
		return fmt.Errorf("%w: actions are missing", ErrPermission)
	}
	for i, a := range p.Actions {
		if !slices.Contains(Actions(), a) {
			return fmt.Errorf("actions[%d]: %w: %.64q, must be one of %s", i, ErrAction, string(a), listActions())
		}
		if a.OfIndex() && len(p.Indexes) == 0 {
			return fmt.Errorf("%w: %s needs indexes", ErrPermission, a)
		}
		if _, filtered := a.traits(); p.Filter != "" && !filtered {
			return fmt.Errorf("%w: %s can't be held to a filter", ErrPermission, a)
		}
	}
	if err := CheckPatterns(p.Indexes); err != nil {
		return err
	}
	if p.Filter == "" {
		return nil
	}
	_, err := ParseFilter(p.Filter)
	return err
}

func listActions() string {
	var names []string
	for _, a := range Actions() {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// CheckName returns ErrPermission unless a name is [a-z0-9][a-z0-9_.-]{0,127}.
func CheckName(what, name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	if name == "" || len(name) > MaxNameBytes || !strings.Contains(letters, name[:1]) ||
		strings.Trim(name, letters+"_.-") != "" {
		return fmt.Errorf("%w: %s %.64q must be 1 to %d of a-z, 0-9, _, . and -, the first a letter or digit",
			ErrPermission, what, name, MaxNameBytes)
	}
	return nil
}

// CheckPatterns returns ErrPermission for index patterns that can't be.
func CheckPatterns(patterns []string) error {
	if len(patterns) > MaxPatterns {
		return fmt.Errorf("%w: %d index patterns, at most %d are allowed", ErrPermission, len(patterns), MaxPatterns)
	}
	for i, p := range patterns {
		name := strings.TrimSuffix(p, "*")
		if p == "" || len(p) > MaxNameBytes || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return fmt.Errorf("indexes[%d]: %w: %.64q must be a name of an index, or its beginning and a *", i,
				ErrPermission, p)
		}
	}
	return nil
}

// matchIndex reports whether a pattern covers an index.
func matchIndex(pattern, index string) bool {
	if beginning, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(index, beginning)
	}
	return pattern == index
}

// matchAny reports whether one of the patterns covers an index.
func matchAny(patterns []string, index string) bool {
	for _, p := range patterns {
		if matchIndex(p, index) {
			return true
		}
	}
	return false
}
