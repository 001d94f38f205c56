package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// keyPrefix begins every key, for people and for those who look for secrets that got out.
const keyPrefix = "sgs"

const (
	// keyIDBytes makes two keys of one id unlikely among millions, keySecretBytes is 256 bits.
	keyIDBytes     = 10
	keySecretBytes = 32
	// keyIDLetters and keySecretLetters are what they take in letters of 5 bits.
	keyIDLetters     = 16
	keySecretLetters = 52
	// keyLetters are those of keys: case does not matter to people, and nothing has to be quoted.
	keyLetters = "abcdefghijklmnopqrstuvwxyz234567"
)

func letters() *base32.Encoding { return base32.NewEncoding(keyLetters).WithPadding(base32.NoPadding) }

// Credential is a key taken apart: "sgs_<id>_<secret>".
type Credential struct {
	ID     string
	secret string
}

// NewCredential makes a key of random bytes.
func NewCredential(random io.Reader) (Credential, error) {
	var b [keyIDBytes + keySecretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Credential{}, fmt.Errorf("make key: %w", err)
	}
	return Credential{letters().EncodeToString(b[:keyIDBytes]), letters().EncodeToString(b[keyIDBytes:])}, nil
}

// Renew gives a key of the same id with another secret.
func (c Credential) Renew(random io.Reader) (Credential, error) {
	next, err := NewCredential(random)
	next.ID = c.ID
	return next, err
}

// Text gives the key as its holder has it. It is a secret.
func (c Credential) Text() string { return keyPrefix + "_" + c.ID + "_" + c.secret }

// String gives what may be logged.
func (c Credential) String() string { return keyPrefix + "_" + c.ID + "_..." }

// IsKey reports whether a text means to be a key, and not a token.
func IsKey(text string) bool { return strings.HasPrefix(text, keyPrefix+"_") }

// ParseCredential takes a key apart. Errors are ErrUnauthenticated and do not have the text.
func ParseCredential(text string) (Credential, error) {
	malformed := func(why string) (Credential, error) {
		return Credential{}, fmt.Errorf("%w: malformed key: %s", ErrUnauthenticated, why)
	}
	rest, ok := strings.CutPrefix(text, keyPrefix+"_")
	if !ok {
		return malformed("it does not begin with " + keyPrefix + "_")
	}
	id, secret, ok := strings.Cut(rest, "_")
	if !ok {
		return malformed("it has no secret")
	}
	if len(id) != keyIDLetters || len(secret) != keySecretLetters {
		return malformed(fmt.Sprintf("its parts have %d and %d letters, not %d and %d", len(id), len(secret), keyIDLetters,
			keySecretLetters))
	}
	if strings.Trim(id, keyLetters) != "" || strings.Trim(secret, keyLetters) != "" {
		return malformed("it has other letters than a to z and 2 to 7")
	}
	return Credential{id, secret}, nil
}

// Pepper is a secret of the cluster without which nobody can tell keys by what the metadata have of them.
type Pepper struct{ secret []byte }

// ParsePepper reads a pepper: at least 32 bytes in base64. Errors are ErrPepper and do not have the text.
func ParsePepper(text string) (Pepper, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return Pepper{}, fmt.Errorf("%w: it is not base64", ErrPepper)
	}
	if len(secret) < minPepperBytes {
		return Pepper{}, fmt.Errorf("%w: it has %d bytes, at least %d are needed", ErrPepper, len(secret), minPepperBytes)
	}
	return Pepper{secret}, nil
}

// NewPepper makes a pepper of random bytes and gives the text that ParsePepper reads.
func NewPepper(random io.Reader) (Pepper, string, error) {
	secret := make([]byte, minPepperBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return Pepper{}, "", fmt.Errorf("make pepper: %w", err)
	}
	return Pepper{secret}, base64.StdEncoding.EncodeToString(secret), nil
}

// Fingerprint tells peppers apart without giving anything of them away.
func (p Pepper) Fingerprint() string { return hex.EncodeToString(p.sum("sagasu pepper")[:8]) }

// Hash is what a key is recognised by: HMAC-SHA-256 (RFC 2104), in hexadecimal digits. The secret has 256 random bits, so
// that nothing is gained by making this slow.
func (p Pepper) Hash(c Credential) string {
	return hex.EncodeToString(p.sum("sagasu key", c.ID, c.secret))
}

// Is reports in constant time whether a key has a hash.
func (p Pepper) Is(c Credential, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(p.Hash(c)), []byte(hash)) == 1
}

func (p Pepper) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, p.secret)
	for _, part := range parts {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}
