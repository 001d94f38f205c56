package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// testKeys are an issuer's private keys and the set it publishes.
type testKeys struct {
	rsa     *rsa.PrivateKey
	ecdsa   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
	set     []byte
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func newTestKeys(t testing.TB) *testKeys {
	t.Helper()
	k := &testKeys{}
	var err error
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	k.ecdsa, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, k.ed25519, err = ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	point, err := k.ecdsa.PublicKey.Bytes()
	require.NoError(t, err)
	k.set, err = json.Marshal(map[string]any{"keys": []map[string]any{
		{"kty": "RSA", "kid": "r1", "use": "sig", "alg": "RS256", "n": b64(k.rsa.N.Bytes()), "e": "AQAB"},
		{"kty": "EC", "kid": "e1", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kty": "OKP", "kid": "o1", "crv": "Ed25519", "x": b64(k.ed25519.Public().(ed25519.PublicKey))},
		{"kty": "RSA", "kid": "r2", "use": "enc", "n": b64(k.rsa.N.Bytes()), "e": "AQAB"},
		{"kty": "oct", "kid": "s1", "k": b64(make([]byte, 32))},
		{"kty": "EC", "kid": "e2", "crv": "P-384", "x": "", "y": ""},
	}})
	require.NoError(t, err)
	return k
}

const issuerName, sharedName = "https://sso.example/realms/search", "https://internal.example"

var (
	noon   = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	shared = []byte(strings.Repeat("s", 32))
)

func newTestTokens(t testing.TB, k *testKeys, change func(*Issuer)) *Tokens {
	t.Helper()
	keys, err := ParseKeySet(k.set)
	require.NoError(t, err)
	require.Len(t, keys, 3, "keys for other uses, and secrets, are passed over")
	secret, err := SharedKey("", shared)
	require.NoError(t, err)
	public := Issuer{
		Name: issuerName, Audiences: []string{"sagasu", "sagasu-test"}, Algorithms: []string{RS256, ES256, EdDSA},
		Keys: FixedKeys(keys), Skew: 30 * time.Second, Roles: []string{"realm_access", "roles"},
		RoleMap:    map[string][]string{"search-user": {RoleReader}, "search-boss": {RoleAdmin, RoleReader}},
		Attributes: map[string][]string{"tenant": {"tenant"}, "group": {"https://example.com/groups"}},
	}
	if change != nil {
		change(&public)
	}
	tokens, err := NewTokens([]Issuer{public, {
		Name: sharedName, Audiences: []string{"sagasu"}, Algorithms: []string{HS256}, Keys: FixedKeys{secret},
		Roles: []string{"scope"},
	}}, func() time.Time { return noon })
	require.NoError(t, err)
	return tokens
}

func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuerName, "aud": []string{"account", "sagasu"}, "sub": "u-1", "exp": noon.Add(time.Minute).Unix(),
		"nbf": noon.Add(-time.Minute).Unix(), "iat": noon.Add(-time.Minute).Unix(), "tenant": "red",
		"realm_access":               map[string]any{"roles": []string{"search-user", "offline_access"}},
		"https://example.com/groups": []any{"a", 7, true},
	}
}

func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims, head ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	for i := 0; i < len(head); i += 2 {
		token.Header[head[i]] = head[i+1]
	}
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func TestTokens(t *testing.T) {
	k := newTestKeys(t)
	tokens := newTestTokens(t, k, nil)
	t.Run("every algorithm", func(t *testing.T) {
		for _, c := range []struct {
			method jwt.SigningMethod
			key    any
			kid    string
		}{
			{jwt.SigningMethodRS256, k.rsa, "r1"}, {jwt.SigningMethodES256, k.ecdsa, "e1"},
			{jwt.SigningMethodEdDSA, k.ed25519, "o1"}, {jwt.SigningMethodES256, k.ecdsa, ""},
		} {
			caller, err := tokens.Verify(context.Background(), sign(t, c.method, c.key, c.kid, goodClaims()))
			require.NoError(t, err, c.kid)
			require.Equal(t, "u-1@"+issuerName, caller.ID)
			require.Equal(t, []string{RoleReader}, caller.Grant.Roles)
			require.Equal(t, map[string][]string{"tenant": {"red"}, "group": {"a", "7", "true"}}, caller.Grant.Attributes)
			require.Equal(t, noon.Add(90*time.Second), caller.Expires.UTC())
		}
		caller, err := tokens.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, shared, "", jwt.MapClaims{
			"iss": sharedName, "aud": "sagasu", "sub": "ci", "exp": noon.Add(time.Minute).Unix(), "scope": "reader writer",
		}))
		require.NoError(t, err)
		require.Equal(t, []string{RoleReader, RoleWriter}, caller.Grant.Roles, "without a map the values are the names")
	})
	t.Run("clocks may be apart as far as is said", func(t *testing.T) {
		for seconds, good := range map[int]bool{-29: true, -31: false} {
			claims := goodClaims()
			claims["exp"] = noon.Add(time.Duration(seconds) * time.Second).Unix()
			_, err := tokens.Verify(context.Background(), sign(t, jwt.SigningMethodRS256, k.rsa, "r1", claims))
			require.Equal(t, good, err == nil, err)
			claims = goodClaims()
			claims["nbf"] = noon.Add(-time.Duration(seconds) * time.Second).Unix()
			_, err = tokens.Verify(context.Background(), sign(t, jwt.SigningMethodRS256, k.rsa, "r1", claims))
			require.Equal(t, good, err == nil, err)
		}
	})
}

func TestBadTokens(t *testing.T) {
	k, other := newTestKeys(t), newTestKeys(t)
	tokens := newTestTokens(t, k, nil)
	rs := func(change func(jwt.MapClaims), head ...string) string {
		claims := goodClaims()
		change(claims)
		return sign(t, jwt.SigningMethodRS256, k.rsa, "r1", claims, head...)
	}
	with := func(name string, value any) string { return rs(func(c jwt.MapClaims) { c[name] = value }) }
	without := func(name string) string { return rs(func(c jwt.MapClaims) { delete(c, name) }) }
	good := rs(func(jwt.MapClaims) {})
	parts := strings.Split(good, ".")
	head := func(text string) string { return b64([]byte(text)) + "." + parts[1] + "." + parts[2] }
	public, err := json.Marshal(k.rsa.PublicKey)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"nothing":                       "",
		"two parts":                     parts[0] + "." + parts[1],
		"four parts":                    good + ".x",
		"alg none":                      sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "r1", goodClaims()),
		"alg none in capitals":          b64([]byte(`{"alg":"NONE","typ":"JWT"}`)) + "." + parts[1] + ".",
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"no alg":                        head(`{"typ":"JWT"}`),
		"a public key as a secret":      sign(t, jwt.SigningMethodHS256, public, "r1", goodClaims()),
		"the set as a secret":           sign(t, jwt.SigningMethodHS256, k.set, "r1", goodClaims()),
		"another algorithm of the key":  sign(t, jwt.SigningMethodRS512, k.rsa, "r1", goodClaims()),
		"PSS":                           sign(t, jwt.SigningMethodPS256, k.rsa, "r1", goodClaims()),
		"a key id of another algorithm": sign(t, jwt.SigningMethodES256, k.ecdsa, "r1", goodClaims()),
		"an unknown key":                sign(t, jwt.SigningMethodRS256, other.rsa, "r9", goodClaims()),
		"another key of that id":        sign(t, jwt.SigningMethodRS256, other.rsa, "r1", goodClaims()),
		"an encryption key":             sign(t, jwt.SigningMethodRS256, k.rsa, "r2", goodClaims()),
		"a key that it brings":          rs(func(jwt.MapClaims) {}, "kid", "r9", "jku", "https://evil.example/jwks"),
		"a path as key id":              sign(t, jwt.SigningMethodRS256, k.rsa, "../../etc/passwd", goodClaims()),
		"a critical extension":          rs(func(jwt.MapClaims) {}, "crit", "exp"),
		"a logout token":                rs(func(jwt.MapClaims) {}, "typ", "logout+jwt"),
		"changed payload":               parts[0] + "." + b64([]byte(`{"iss":"`+issuerName+`","sub":"x"}`)) + "." + parts[2],
		"bits of padding":               good[:len(good)-1] + string(good[len(good)-1]+1),
		"padding":                       parts[0] + "=." + parts[1] + "." + parts[2],
		"another issuer":                with("iss", "https://evil.example"),
		"no issuer":                     without("iss"),
		"the other's issuer":            with("iss", sharedName),
		"another audience":              with("aud", "account"),
		"no audience":                   without("aud"),
		"expired":                       with("exp", noon.Add(-time.Hour).Unix()),
		"no expiry":                     without("exp"),
		"expiry as text":                with("exp", "tomorrow"),
		"not yet good":                  with("nbf", noon.Add(time.Hour).Unix()),
		"made in the future":            with("iat", noon.Add(time.Hour).Unix()),
		"no subject":                    without("sub"),
		"subject as number":             with("sub", 7),
		"roles as objects":              with("realm_access", map[string]any{"roles": []any{map[string]any{}}}),
		"attributes as objects":         with("tenant", map[string]any{"a": 1}),
		"too many attributes":           with("tenant", strings.Split(strings.Repeat("x", MaxAttributeValues+1), "")),
		"an empty attribute":            with("tenant", ""),
		"huge":                          with("sub", strings.Repeat("x", MaxTokenBytes)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tokens.Verify(context.Background(), text)
			require.ErrorIs(t, err, ErrUnauthenticated)
			if len(text) > 100 {
				require.NotContains(t, err.Error(), text)
			}
		})
	}
	t.Run("an empty secret of a shared issuer", func(t *testing.T) {
		_, err := tokens.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, []byte{}, "", jwt.MapClaims{
			"iss": sharedName, "aud": "sagasu", "sub": "x", "exp": noon.Add(time.Minute).Unix(),
		}))
		require.ErrorIs(t, err, ErrUnauthenticated)
	})
	t.Run("keys that can't be had", func(t *testing.T) {
		tokens := newTestTokens(t, k, func(i *Issuer) { i.Keys = noKeys{} })
		_, err := tokens.Verify(context.Background(), good)
		require.ErrorIs(t, err, ErrUnauthenticated)
		require.ErrorContains(t, err, "address is away")
	})
}

type noKeys struct{}

func (noKeys) Keys(context.Context, string) ([]VerificationKey, error) {
	return nil, errors.New("the address is away")
}

func TestIssuerCheck(t *testing.T) {
	k := newTestKeys(t)
	keys, err := ParseKeySet(k.set)
	require.NoError(t, err)
	good := Issuer{
		Name: "i", Audiences: []string{"a"}, Algorithms: []string{RS256}, Keys: FixedKeys(keys), Roles: []string{"roles"},
	}
	require.NoError(t, good.Check())
	for name, change := range map[string]func(*Issuer){
		"name":                 func(i *Issuer) { i.Name = "" },
		"audiences":            func(i *Issuer) { i.Audiences = nil },
		"an empty audience":    func(i *Issuer) { i.Audiences = []string{""} },
		"algorithms":           func(i *Issuer) { i.Algorithms = nil },
		"none":                 func(i *Issuer) { i.Algorithms = []string{"none"} },
		"secrets beside keys":  func(i *Issuer) { i.Algorithms = []string{RS256, HS256} },
		"keys":                 func(i *Issuer) { i.Keys = nil },
		"skew":                 func(i *Issuer) { i.Skew = time.Hour },
		"roles":                func(i *Issuer) { i.Roles = nil },
		"role":                 func(i *Issuer) { i.RoleMap = map[string][]string{"a": {"A"}} },
		"attribute":            func(i *Issuer) { i.Attributes = map[string][]string{"A": {"a"}} },
		"pattern":              func(i *Issuer) { i.Indexes = []string{"A"} },
		"filter":               func(i *Issuer) { i.Filter = "{" },
		"filter without claim": func(i *Issuer) { i.Filter = `{"term":{"tenant":"${tenant}"}}` },
	} {
		i := good
		change(&i)
		require.ErrorIs(t, i.Check(), ErrIssuer, name)
	}
	_, err = NewTokens([]Issuer{good, good}, time.Now)
	require.ErrorIs(t, err, ErrIssuer)
	_, err = SharedKey("", []byte("short"))
	require.ErrorIs(t, err, ErrIssuer)
}

func TestParseKeySet(t *testing.T) {
	k := newTestKeys(t)
	modulus := func(bits uint) string { return b64(new(big.Int).Lsh(big.NewInt(1), bits-1).Bytes()) }
	for name, text := range map[string]string{
		"nothing": "", "no set": `[]`, "empty": `{"keys":[]}`, "only secrets": `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		"weak":         `{"keys":[{"kty":"RSA","n":"` + modulus(1024) + `","e":"AQAB"}]}`,
		"costly":       `{"keys":[{"kty":"RSA","n":"` + modulus(16384) + `","e":"AQAB"}]}`,
		"exponent one": `{"keys":[{"kty":"RSA","n":"` + modulus(2048) + `","e":"AQ"}]}`,
		"no modulus":   `{"keys":[{"kty":"RSA","e":"AQAB"}]}`,
		"off the curve": `{"keys":[{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 32)) + `","y":"` +
			b64(make([]byte, 32)) + `"}]}`,
		"short point": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`,
		"many":        `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"oct"},`, 101), ",") + `]}`,
		"large":       `{"keys":[],"x":"` + strings.Repeat("x", MaxKeySetBytes) + `"}`,
	} {
		_, err := ParseKeySet([]byte(text))
		require.ErrorIs(t, err, ErrIssuer, name)
	}
	keys, err := ParseKeySet(k.set)
	require.NoError(t, err)
	require.Len(t, KeysOf(keys, "e1"), 1)
	require.Len(t, KeysOf(keys, ""), 3)
	require.Empty(t, KeysOf(keys, "s1"))
}

func FuzzVerify(f *testing.F) {
	k := newTestKeys(f)
	tokens := newTestTokens(f, k, nil)
	good := sign(f, jwt.SigningMethodES256, k.ecdsa, "e1", goodClaims())
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(fmt.Sprintf("%s.%s.", b64([]byte(`{"alg":"none"}`)), b64([]byte(`{"iss":"`+issuerName+`"}`))))
	f.Fuzz(func(t *testing.T, text string) {
		_, err := tokens.Verify(context.Background(), text)
		if text != good {
			require.ErrorIs(t, err, ErrUnauthenticated)
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(newTestKeys(f).set)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseKeySet(data); err != nil {
			require.ErrorIs(t, err, ErrIssuer)
		}
	})
}
