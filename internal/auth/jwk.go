package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// The algorithms of tokens.
const (
	HS256 = "HS256"
	RS256 = "RS256"
	ES256 = "ES256"
	EdDSA = "EdDSA"
)

const (
	// MaxKeySetBytes and maxKeySetKeys bound a set of keys: issuers have a handful.
	MaxKeySetBytes = 256 << 10
	maxKeySetKeys  = 100
	// minRSABits is what RFC 7518 asks for, maxRSABits and maxRSAExponent bound what verifying costs.
	minRSABits     = 2048
	maxRSABits     = 8192
	maxRSAExponent = 1<<31 - 1
)

// VerificationKey verifies tokens of one algorithm.
type VerificationKey struct {
	// ID is the key's, by which tokens name it; may be empty.
	ID        string
	Algorithm string
	// key is a *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or the bytes of a shared secret.
	key any
}

// SharedKey makes a key of a secret that the issuer has too; ErrIssuer for one that is shorter than the hash.
func SharedKey(id string, secret []byte) (VerificationKey, error) {
	if len(secret) < 32 {
		return VerificationKey{}, fmt.Errorf("%w: a secret of %d bytes, HS256 needs 32", ErrIssuer, len(secret))
	}
	return VerificationKey{ID: id, Algorithm: HS256, key: bytes.Clone(secret)}, nil
}

// jwk is a key as RFC 7517 writes it.
type jwk struct {
	Kty string   `json:"kty"`
	Kid string   `json:"kid"`
	Use string   `json:"use"`
	Alg string   `json:"alg"`
	Ops []string `json:"key_ops"`
	N   string   `json:"n"`
	E   string   `json:"e"`
	Crv string   `json:"crv"`
	X   string   `json:"x"`
	Y   string   `json:"y"`
}

// ParseKeySet reads a JSON Web Key Set of public keys. Keys for other uses, or of other kinds than the algorithms here
// need, are passed over; a shared secret in it is passed over too, for it has no business at an address. Errors are
// ErrIssuer: for what is no set, for a key that is weak or malformed, and for a set with none that can be used.
func ParseKeySet(data []byte) ([]VerificationKey, error) {
	if len(data) > MaxKeySetBytes {
		return nil, fmt.Errorf("%w: a set of keys of %d bytes, at most %d are allowed", ErrIssuer, len(data), MaxKeySetBytes)
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("%w: read set of keys: %w", ErrIssuer, err)
	}
	if len(set.Keys) > maxKeySetKeys {
		return nil, fmt.Errorf("%w: a set of %d keys, at most %d are allowed", ErrIssuer, len(set.Keys), maxKeySetKeys)
	}
	var keys []VerificationKey
	for i := range set.Keys {
		k, err := set.Keys[i].verification()
		if err != nil {
			return nil, fmt.Errorf("%w: key %d, %.64q: %w", ErrIssuer, i, set.Keys[i].Kid, err)
		}
		if k.key != nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: the set has no key for signatures of %s, %s or %s", ErrIssuer, RS256, ES256, EdDSA)
	}
	return keys, nil
}

// verification gives the key; one without key if it is for something else.
func (j *jwk) verification() (k VerificationKey, err error) {
	if j.Use != "" && j.Use != "sig" {
		return k, nil
	}
	k.ID = j.Kid
	switch {
	case j.Kty == "RSA" && (j.Alg == "" || j.Alg == RS256):
		k.Algorithm = RS256
		k.key, err = j.rsa()
	case j.Kty == "EC" && j.Crv == "P-256" && (j.Alg == "" || j.Alg == ES256):
		k.Algorithm = ES256
		k.key, err = j.ecdsa()
	case j.Kty == "OKP" && j.Crv == "Ed25519" && (j.Alg == "" || j.Alg == EdDSA || j.Alg == "Ed25519"):
		k.Algorithm = EdDSA
		k.key, err = j.ed25519()
	}
	return k, err
}

func (j *jwk) rsa() (any, error) {
	n, err := number(j.N)
	if err != nil {
		return nil, fmt.Errorf("n: %w", err)
	}
	e, err := number(j.E)
	if err != nil {
		return nil, fmt.Errorf("e: %w", err)
	}
	if n.BitLen() < minRSABits || n.BitLen() > maxRSABits {
		return nil, fmt.Errorf("an RSA key of %d bits, must have %d to %d", n.BitLen(), minRSABits, maxRSABits)
	}
	if !e.IsInt64() || e.Int64() < 3 || e.Int64() > maxRSAExponent || e.Bit(0) == 0 {
		return nil, fmt.Errorf("an RSA exponent that can't be")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (j *jwk) ecdsa() (any, error) {
	x, err := field(j.X, 32)
	if err != nil {
		return nil, fmt.Errorf("x: %w", err)
	}
	y, err := field(j.Y, 32)
	if err != nil {
		return nil, fmt.Errorf("y: %w", err)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, fmt.Errorf("the point is not on the curve")
	}
	return key, nil
}

func (j *jwk) ed25519() (any, error) {
	x, err := field(j.X, ed25519.PublicKeySize)
	return ed25519.PublicKey(x), err
}

func number(text string) (*big.Int, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("is no number in base64url")
	}
	return new(big.Int).SetBytes(b), nil
}

func field(text string, size int) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("is not %d bytes in base64url", size)
	}
	return b, nil
}
