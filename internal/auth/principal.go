package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is how a caller has shown who it is.
type Kind string

// The kinds of caller.
const (
	// KindKey has a key of the cluster, KindFile the key of the node's own file, KindToken a token of an issuer.
	KindKey   Kind = "key"
	KindFile  Kind = "file"
	KindToken Kind = "token"
	// KindAnyone has shown nothing, and serves where everybody may do everything.
	KindAnyone Kind = "anyone"
	// KindNobody has shown nothing.
	KindNobody Kind = "nobody"
)

// Grant is what a key or a token gives to whoever has it.
type Grant struct {
	// Roles are names; one that does not exist gives nothing.
	Roles []string
	// Permissions are given beside those of the roles.
	Permissions []Permission
	// Indexes, if there are any, bound what all of these reach: what is not done to an index can't be done then.
	Indexes []string
	// Filter, if not empty, bounds the documents of all of these.
	Filter string
	// Attributes are put into filters.
	Attributes map[string][]string
}

// Check returns ErrPermission, ErrAction or ErrFilter for a grant that can't be. That its roles exist is for the caller
// to find out.
func (g *Grant) Check() error {
	if len(g.Roles)+len(g.Permissions) == 0 {
		return fmt.Errorf("%w: neither roles nor permissions are given", ErrPermission)
	}
	if len(g.Roles) > MaxRoles {
		return fmt.Errorf("%w: %d roles, at most %d are allowed", ErrPermission, len(g.Roles), MaxRoles)
	}
	for _, name := range g.Roles {
		if err := CheckName("role", name); err != nil {
			return err
		}
	}
	if err := CheckPermissions(g.Permissions); err != nil {
		return err
	}
	if err := CheckPatterns(g.Indexes); err != nil {
		return err
	}
	if err := CheckAttributes(g.Attributes); err != nil {
		return err
	}
	if g.Filter == "" {
		return nil
	}
	f, err := ParseFilter(g.Filter)
	if err != nil {
		return err
	}
	for _, name := range f.Attributes() {
		if len(g.Attributes[name]) == 0 {
			return fmt.Errorf("%w: it names the attribute %q, which is not given", ErrFilter, name)
		}
	}
	return nil
}

// CheckAttributes returns ErrPermission for attributes that can't be.
func CheckAttributes(attributes map[string][]string) error {
	if len(attributes) > MaxAttributes {
		return fmt.Errorf("%w: %d attributes, at most %d are allowed", ErrPermission, len(attributes), MaxAttributes)
	}
	for name, values := range attributes {
		if err := CheckName("attribute", name); err != nil {
			return err
		}
		if len(values) == 0 || len(values) > MaxAttributeValues {
			return fmt.Errorf("%w: attribute %s has %d values, must have 1 to %d", ErrPermission, name, len(values),
				MaxAttributeValues)
		}
		for _, v := range values {
			if v == "" || len(v) > MaxAttributeBytes {
				return fmt.Errorf("%w: attribute %s has a value of %d bytes, must be 1 to %d", ErrPermission, name, len(v),
					MaxAttributeBytes)
			}
		}
	}
	return nil
}

// Principal is who asks, and what that one may do. It does not change, and is shared.
type Principal struct {
	Kind Kind
	// ID tells the principal from all others of its kind; Name is for people.
	ID, Name string
	// Expires is when the credential ends; zero for never.
	Expires time.Time

	permissions []held
	// within bounds the indexes, only the documents; none and "" for all.
	within []string
	only   string
	// Roles are the names it came with, for those who ask who they are.
	Roles []string
	// Filtered is true if some filter is bound to it.
	Filtered bool
}

// held is a permission of a principal, its filter bound.
type held struct {
	actions []Action
	indexes []string
	filter  string
}

// NewPrincipal makes a principal of what it was given. role gives the roles by name. A permission whose filter needs an
// attribute that is not there is left out; if that is the filter of the whole grant, nothing is left.
func NewPrincipal(kind Kind, id, name string, g Grant, role func(name string) (Role, bool)) *Principal {
	p := &Principal{Kind: kind, ID: id, Name: name, Roles: slices.Clone(g.Roles)}
	p.within = slices.Clone(g.Indexes)
	if g.Filter != "" {
		var ok bool
		if p.only, ok = bindText(g.Filter, g.Attributes); !ok {
			return p
		}
		p.Filtered = true
	}
	add := func(list []Permission) {
		for _, permission := range list {
			h := held{actions: slices.Clone(permission.Actions), indexes: slices.Clone(permission.Indexes)}
			if permission.Filter != "" {
				var ok bool
				if h.filter, ok = bindText(permission.Filter, g.Attributes); !ok {
					continue
				}
				p.Filtered = true
			}
			p.permissions = append(p.permissions, h)
		}
	}
	for _, name := range g.Roles {
		if r, ok := role(name); ok {
			add(r.Permissions)
		}
	}
	add(g.Permissions)
	return p
}

func bindText(filter string, attributes map[string][]string) (string, bool) {
	f, err := ParseFilter(filter)
	if err != nil {
		return "", false
	}
	bound, err := f.Bind(attributes)
	return bound, err == nil
}

// BuiltinRole gives a role that is always there.
func BuiltinRole(name string) (Role, bool) {
	for _, r := range BuiltinRoles() {
		if r.Name == name {
			return r, true
		}
	}
	return Role{}, false
}

// Admin makes a principal that may do everything.
func Admin(kind Kind, id string) *Principal {
	return NewPrincipal(kind, id, "", Grant{Roles: []string{RoleAdmin}}, BuiltinRole)
}

// Nobody is whoever has shown nothing, and may do what is public.
func Nobody() *Principal { return &Principal{Kind: KindNobody} }

// String names the principal in logs.
func (p *Principal) String() string {
	if p.ID == "" {
		return string(p.Kind)
	}
	return string(p.Kind) + ":" + p.ID
}

// Decision says whether a request may go on.
type Decision struct {
	Allowed bool
	// Reason says why not, for logs: whoever asked is not told.
	Reason string
	// Only restricts the documents; nil for all.
	Only *Documents
}

// Documents is a bound on documents: all of its parts hold, and each does if one of its alternatives does.
type Documents struct {
	parts [][]string
}

// Digest stands for the documents: other bounds have other digests.
func (d *Documents) Digest() string {
	if d == nil {
		return ""
	}
	h := sha256.New()
	for _, alternatives := range d.parts {
		fmt.Fprintf(h, "%d\n", len(alternatives))
		for _, text := range alternatives {
			fmt.Fprintf(h, "%d\n%s", len(text), text)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Decide says whether a principal may do something to an index; "" for what is not done to one. For an action of
// indexes, "" asks whether it may be done to any.
func Decide(p *Principal, action Action, index string) Decision {
	switch {
	case action == Public:
		return Decision{Allowed: true}
	case p == nil || p.Kind == KindNobody:
		return Decision{Reason: "no credential"}
	case action == Known:
		return Decision{Allowed: true}
	}
	ofIndex, filterable := action.traits()
	if ofIndex && index != "" && len(p.within) > 0 && !matchAny(p.within, index) {
		return Decision{Reason: fmt.Sprintf("%s is not among the indexes of the key", index)}
	}
	if !ofIndex && len(p.within) > 0 {
		return Decision{Reason: fmt.Sprintf("%s can't be held to the indexes of the key", action)}
	}
	if !filterable && p.only != "" {
		return Decision{Reason: fmt.Sprintf("%s can't be held to the documents of the key", action)}
	}
	var alternatives []string
	for i := range p.permissions {
		h := &p.permissions[i]
		if !slices.Contains(h.actions, action) || ofIndex && index != "" && !matchAny(h.indexes, index) ||
			h.filter != "" && !filterable {
			continue
		}
		if h.filter == "" {
			return Decision{Allowed: true, Only: bound(p.only, nil)}
		}
		if !slices.Contains(alternatives, h.filter) {
			alternatives = append(alternatives, h.filter)
		}
	}
	if len(alternatives) == 0 {
		return Decision{Reason: fmt.Sprintf("no permission has %s on %q", action, index)}
	}
	slices.Sort(alternatives)
	return Decision{Allowed: true, Only: bound(p.only, alternatives)}
}

func bound(only string, alternatives []string) *Documents {
	var d Documents
	if only != "" {
		d.parts = append(d.parts, []string{only})
	}
	if len(alternatives) > 0 {
		d.parts = append(d.parts, alternatives)
	}
	if d.parts == nil {
		return nil
	}
	return &d
}

// MayGrant returns ErrPermission, saying what is too much, unless everything that g gives is the principal's own: nobody
// makes a key that is stronger than the one it is made with. role gives the roles by name.
func (p *Principal) MayGrant(g Grant, role func(name string) (Role, bool)) error {
	given := NewPrincipal(KindKey, "", "", g, role)
	for i := range given.permissions {
		h := &given.permissions[i]
		for _, a := range h.actions {
			patterns := []string{""}
			if a.OfIndex() {
				patterns = h.indexes
			}
			for _, pattern := range patterns {
				for _, part := range intersect(pattern, given.within, a.OfIndex()) {
					if !p.covers(a, part) {
						return fmt.Errorf("%w: you can't give %s on %q, which you don't have yourself", ErrPermission, a, part)
					}
				}
			}
		}
	}
	return nil
}

// intersect gives what of a pattern is within others.
func intersect(pattern string, within []string, ofIndex bool) []string {
	if len(within) == 0 {
		return []string{pattern}
	}
	if !ofIndex {
		return nil
	}
	var out []string
	for _, w := range within {
		switch {
		case includes(w, pattern):
			out = append(out, pattern)
		case includes(pattern, w):
			out = append(out, w)
		}
	}
	return out
}

// includes reports whether every name that the narrow pattern covers is covered by the wide one.
func includes(wide, narrow string) bool {
	if beginning, open := strings.CutSuffix(wide, "*"); open {
		return strings.HasPrefix(strings.TrimSuffix(narrow, "*"), beginning)
	}
	return wide == narrow
}

// covers reports whether the principal has an action, without a filter, on all that a pattern covers.
func (p *Principal) covers(a Action, pattern string) bool {
	ofIndex := a.OfIndex()
	if p.only != "" || !ofIndex && len(p.within) > 0 {
		return false
	}
	wide := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(w string) bool { return includes(w, pattern) })
	}
	if ofIndex && len(p.within) > 0 && !wide(p.within) {
		return false
	}
	return slices.ContainsFunc(p.permissions, func(h held) bool {
		return h.filter == "" && slices.Contains(h.actions, a) && (!ofIndex || wide(h.indexes))
	})
}

// Everywhere reports whether the principal may do something to every index, and to all documents.
func (p *Principal) Everywhere(a Action) bool { return p.covers(a, "*") }
