package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"

	"sagasu/internal/auth"
	"sagasu/internal/jwks"
)

// issuerFile is what token-issuers-file has.
type issuerFile struct {
	Issuers []issuerConfig `json:"issuers"`
}

// issuerConfig is one issuer; see docs/security.md.
type issuerConfig struct {
	Issuer     string   `json:"issuer"`
	Audiences  []string `json:"audiences"`
	Algorithms []string `json:"algorithms"`
	// JWKS is the address of its keys, KeysFile a file with them, SecretFile one with the secret of HS256: one of them.
	JWKS       string `json:"jwks"`
	AllowHTTP  bool   `json:"allow_http"`
	KeysFile   string `json:"keys_file"`
	SecretFile string `json:"secret_file"`
	// Skew is a duration such as 30s.
	Skew string `json:"skew"`
	// Roles and the values of Attributes are paths: members separated by dots, or a list of members.
	Roles      claimPath            `json:"roles"`
	RoleMap    map[string][]string  `json:"role_map"`
	Attributes map[string]claimPath `json:"attributes"`
	Indexes    []string             `json:"indexes"`
	Filter     json.RawMessage      `json:"filter"`
}

// claimPath is where a claim is.
type claimPath []string

// UnmarshalJSON reads "realm_access.roles", or a list for members that have dots in their names.
func (p *claimPath) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*p = strings.Split(text, ".")
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("a claim is a path such as realm_access.roles, or a list of its parts: %w", err)
	}
	*p = list
	return nil
}

// defaultSkew is how far the clock of an issuer may be apart if nothing is said.
const defaultSkew = 30 * time.Second

// readIssuers reads the issuers' file; none is no tokens.
func readIssuers(path string, logger *slog.Logger) (*auth.Tokens, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("token-issuers-file: %w", err)
	}
	file, err := parseIssuers(data)
	if err != nil {
		return nil, usageError("token-issuers-file %s: %w", path, err)
	}
	var issuers []auth.Issuer
	for i := range file.Issuers {
		issuer, err := file.Issuers[i].issuer(logger)
		if err != nil {
			return nil, usageError("token-issuers-file %s: issuer %.200q: %w", path, file.Issuers[i].Issuer, err)
		}
		issuers = append(issuers, issuer)
	}
	tokens, err := auth.NewTokens(issuers, time.Now)
	if err != nil {
		return nil, usageError("token-issuers-file %s: %w", path, err)
	}
	return tokens, nil
}

// parseIssuers reads YAML strictly: an unknown key may be a misspelt bound.
func parseIssuers(data []byte) (issuerFile, error) {
	var file issuerFile
	tree, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return file, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return file, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return file, err
	}
	if len(file.Issuers) == 0 {
		return file, fmt.Errorf("it names no issuers")
	}
	return file, nil
}

// issuer makes what verifies the tokens of an issuer.
func (c *issuerConfig) issuer(logger *slog.Logger) (auth.Issuer, error) {
	i := auth.Issuer{
		Name: c.Issuer, Audiences: c.Audiences, Algorithms: c.Algorithms, Skew: defaultSkew, Roles: c.Roles, RoleMap: c.RoleMap,
		Attributes: map[string][]string{}, Indexes: c.Indexes, Filter: string(c.Filter),
	}
	for name, path := range c.Attributes {
		i.Attributes[name] = path
	}
	var err error
	if c.Skew != "" {
		if i.Skew, err = time.ParseDuration(c.Skew); err != nil {
			return i, fmt.Errorf("skew: %w", err)
		}
	}
	sources := 0
	for _, text := range []string{c.JWKS, c.KeysFile, c.SecretFile} {
		if text != "" {
			sources++
		}
	}
	if sources != 1 {
		return i, fmt.Errorf("needs one of jwks, keys_file and secret_file, has %d", sources)
	}
	i.Keys, err = c.keys(logger)
	return i, err
}

func (c *issuerConfig) keys(logger *slog.Logger) (auth.KeySource, error) {
	switch {
	case c.JWKS != "":
		cfg := jwks.Default()
		cfg.URL, cfg.AllowHTTP, cfg.Logger = c.JWKS, c.AllowHTTP, logger
		return jwks.New(cfg)
	case c.KeysFile != "":
		data, err := os.ReadFile(c.KeysFile)
		if err != nil {
			return nil, fmt.Errorf("keys_file: %w", err)
		}
		keys, err := auth.ParseKeySet(data)
		return auth.FixedKeys(keys), err
	}
	text, err := readSecret("secret_file", c.SecretFile, logger)
	if err != nil {
		return nil, err
	}
	key, err := auth.SharedKey("", []byte(text))
	return auth.FixedKeys{key}, err
}
