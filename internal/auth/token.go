package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// KeySource gives the keys of an issuer.
type KeySource interface {
	// Keys gives the keys that a token of that key id may be signed with; "" is a token that names none. If there is none
	// it may look for newer keys, but not more often than it allows itself. An error says that none could be had.
	Keys(ctx context.Context, id string) ([]VerificationKey, error)
}

// FixedKeys is a KeySource of keys that do not change.
type FixedKeys []VerificationKey

// Keys implements KeySource.
func (f FixedKeys) Keys(_ context.Context, id string) ([]VerificationKey, error) {
	return KeysOf(f, id), nil
}

// KeysOf gives the keys of that id; all of them for a token that names none.
func KeysOf(keys []VerificationKey, id string) []VerificationKey {
	var out []VerificationKey
	for _, k := range keys {
		if id == "" || k.ID == id {
			out = append(out, k)
		}
	}
	return out
}

// Issuer is somebody whose tokens are believed.
type Issuer struct {
	// Name is the claim iss of its tokens, Audiences are those of which a token's aud must have one.
	Name      string
	Audiences []string
	// Algorithms are those that its tokens may be signed by, of HS256, RS256, ES256 and EdDSA. A shared secret is not
	// believed beside public keys.
	Algorithms []string
	Keys       KeySource
	// Skew is how far its clock may be apart from ours.
	Skew time.Duration
	// Roles is the path of the claim with the names of roles, in the token's members. RoleMap gives the roles for its
	// values; if it is empty the values are names of roles.
	Roles   []string
	RoleMap map[string][]string
	// Attributes gives for attributes the paths of their claims.
	Attributes map[string][]string
	// Indexes and Filter bound what every token of the issuer gives, as in Grant.
	Indexes []string
	Filter  string
}

// Check returns ErrIssuer for an issuer that can't be.
func (i *Issuer) Check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w %.200q: "+format, append([]any{ErrIssuer, i.Name}, args...)...)
	}
	switch {
	case i.Name == "":
		return wrong("it has no name")
	case len(i.Audiences) == 0 || slices.Contains(i.Audiences, ""):
		return wrong("audiences are missing: tokens that are meant for others would be believed")
	case len(i.Algorithms) == 0:
		return wrong("algorithms are missing")
	case i.Keys == nil:
		return wrong("it has no keys")
	case i.Skew < 0 || i.Skew > MaxClockSkew:
		return wrong("skew is %v, must be 0 to %v", i.Skew, MaxClockSkew)
	case len(i.Roles) == 0:
		return wrong("the claim of the roles is missing")
	case slices.Contains(i.Algorithms, HS256) && len(i.Algorithms) > 1:
		return wrong("HS256 can't be believed beside others: public keys would pass for its secret")
	}
	for _, a := range i.Algorithms {
		if !slices.Contains([]string{HS256, RS256, ES256, EdDSA}, a) {
			return wrong("algorithm %.32q is none of HS256, RS256, ES256, EdDSA", a)
		}
	}
	for value, roles := range i.RoleMap {
		for _, name := range roles {
			if err := CheckName("role", name); err != nil {
				return wrong("roles of %.64q: %w", value, err)
			}
		}
	}
	for name := range i.Attributes {
		if err := CheckName("attribute", name); err != nil {
			return wrong("%w", err)
		}
	}
	if err := CheckPatterns(i.Indexes); err != nil {
		return wrong("%w", err)
	}
	if i.Filter == "" {
		return nil
	}
	f, err := ParseFilter(i.Filter)
	if err != nil {
		return wrong("%w", err)
	}
	for _, name := range f.Attributes() {
		if _, ok := i.Attributes[name]; !ok {
			return wrong("the filter needs the attribute %s, for which there is no claim", name)
		}
	}
	return nil
}

// Tokens verifies tokens, JSON Web Tokens as RFC 7519 has them, with what RFC 8725 says about them.
type Tokens struct {
	issuers map[string]*Issuer
	now     func() time.Time
}

// NewTokens makes a verifier. Errors are ErrIssuer.
func NewTokens(issuers []Issuer, now func() time.Time) (*Tokens, error) {
	t := &Tokens{issuers: map[string]*Issuer{}, now: now}
	for _, i := range issuers {
		if err := i.Check(); err != nil {
			return nil, err
		}
		if t.issuers[i.Name] != nil {
			return nil, fmt.Errorf("%w: %.200q is there twice", ErrIssuer, i.Name)
		}
		t.issuers[i.Name] = &i
	}
	return t, nil
}

// Caller is who a token says it is.
type Caller struct {
	// ID is the subject and the issuer.
	ID      string
	Grant   Grant
	Expires time.Time
}

// Verify gives who a token is of. Errors are ErrUnauthenticated, and do not have the token.
func (t *Tokens) Verify(ctx context.Context, text string) (Caller, error) {
	refuse := func(format string, args ...any) (Caller, error) {
		return Caller{}, fmt.Errorf("%w: token: "+format, append([]any{ErrUnauthenticated}, args...)...)
	}
	if len(text) > MaxTokenBytes {
		return refuse("it has %d bytes, at most %d are allowed", len(text), MaxTokenBytes)
	}
	name, err := issuerOf(text)
	if err != nil {
		return refuse("%w", err)
	}
	issuer := t.issuers[name]
	if issuer == nil {
		return refuse("issuer %.200q is not believed", name)
	}
	// The signature is looked at before anything else that the token says.
	parser := jwt.NewParser(jwt.WithValidMethods(issuer.Algorithms), jwt.WithIssuer(issuer.Name),
		jwt.WithAudience(issuer.Audiences...), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(issuer.Skew),
		jwt.WithTimeFunc(t.now), jwt.WithStrictDecoding(), jwt.WithJSONNumber())
	claims := jwt.MapClaims{}
	_, err = parser.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
		return issuer.keysFor(ctx, token)
	})
	if err != nil {
		return refuse("%w", err)
	}
	return issuer.caller(claims)
}

// issuerOf reads whose token a text says it is, before anything about it is known.
func issuerOf(text string) (string, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("it has %d parts, not 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("its payload is not base64url")
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", errors.New("its payload is no JSON")
	}
	return claims.Issuer, nil
}

// keysFor gives what a token may be signed with: keys made for its algorithm, which the parser found to be one of the
// issuer's.
func (i *Issuer) keysFor(ctx context.Context, token *jwt.Token) (any, error) {
	id := ""
	if kid, there := token.Header["kid"]; there {
		text, ok := kid.(string)
		if !ok || text == "" || len(text) > MaxNameBytes*2 {
			return nil, errors.New("its kid is no short text")
		}
		id = text
	}
	if typ, there := token.Header["typ"]; there {
		text, _ := typ.(string)
		text = strings.TrimPrefix(strings.ToLower(text), "application/")
		if text != "jwt" && text != "at+jwt" {
			return nil, errors.New("its typ is neither JWT nor at+jwt: it is meant for something else")
		}
	}
	if _, there := token.Header["crit"]; there {
		return nil, errors.New("it has critical extensions, of which none is known")
	}
	keys, err := i.Keys.Keys(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("keys of the issuer: %w", err)
	}
	var set jwt.VerificationKeySet
	for _, k := range keys {
		if k.Algorithm == token.Method.Alg() {
			set.Keys = append(set.Keys, k.key)
		}
	}
	if len(set.Keys) == 0 {
		return nil, fmt.Errorf("there is no key %.64q for %s", id, token.Method.Alg())
	}
	return set, nil
}

// caller reads what a verified token gives.
func (i *Issuer) caller(claims jwt.MapClaims) (Caller, error) {
	refuse := func(format string, args ...any) (Caller, error) {
		return Caller{}, fmt.Errorf("%w: token: "+format, append([]any{ErrUnauthenticated}, args...)...)
	}
	subject, err := claims.GetSubject()
	if err != nil || subject == "" || len(subject) > MaxAttributeBytes {
		return refuse("its sub is no short text")
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return refuse("it does not expire")
	}
	c := Caller{ID: subject + "@" + i.Name, Expires: expires.Add(i.Skew)}
	c.Grant = Grant{Indexes: i.Indexes, Filter: i.Filter, Attributes: map[string][]string{}}
	values, err := claimAt(claims, i.Roles, true)
	if err != nil {
		return refuse("roles: %w", err)
	}
	for _, value := range values {
		names := []string{value}
		if len(i.RoleMap) > 0 {
			names = i.RoleMap[value]
		}
		for _, name := range names {
			if !slices.Contains(c.Grant.Roles, name) {
				c.Grant.Roles = append(c.Grant.Roles, name)
			}
		}
	}
	for name, path := range i.Attributes {
		values, err := claimAt(claims, path, false)
		if err != nil {
			return refuse("attribute %s: %w", name, err)
		}
		if len(values) > 0 {
			c.Grant.Attributes[name] = values
		}
	}
	// What is too much is not cut: a filter may name what is forbidden, too.
	if err := CheckAttributes(c.Grant.Attributes); err != nil {
		return refuse("%w", err)
	}
	return c, nil
}

// claimAt gives the texts at a path: one, or a list. A text is cut at spaces if that is asked for, as scopes are. What is
// not there gives none, what is of another kind is an error.
func claimAt(claims map[string]any, path []string, cut bool) ([]string, error) {
	var at any = claims
	for _, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			if claims, isClaims := at.(jwt.MapClaims); isClaims {
				object, ok = claims, true
			}
		}
		if !ok {
			return nil, nil
		}
		if at, ok = object[name]; !ok || at == nil {
			return nil, nil
		}
	}
	switch v := at.(type) {
	case string:
		if cut {
			return strings.Fields(v), nil
		}
		return []string{v}, nil
	case []any:
		var out []string
		for _, x := range v {
			text, err := scalar(x)
			if err != nil {
				return nil, err
			}
			out = append(out, text)
		}
		return out, nil
	}
	text, err := scalar(at)
	return []string{text}, err
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	}
	return "", fmt.Errorf("a value of type %T", v)
}
