package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// setting is one thing that can be configured: by --key, by SAGASU_KEY and by key in the file, in this
// order of precedence.
type setting struct {
	key, fallback, help string
	// check refuses a value; nil takes any.
	check func(value string) error
}

func settings() []setting {
	return append([]setting{
		{"data-dir", "", "directory that holds everything the node keeps (required)", checkSet},
		{"http-addr", "127.0.0.1:8000", "address of the API", checkAddr},
		{"ops-addr", "127.0.0.1:9090", "address of metrics, health and profiles; never public", checkAddr},
		{"insecure", "false", "serve without keys: anybody who reaches the node may do anything", checkBool},
		{"embed-url", "", "base URL of the embedding service; empty for none", checkURL},
		{"embed-protocol", "openai", "protocol of the embedding service: openai or tei", checkProtocol},
		{"embed-model", "", "model asked of the embedding service", nil},
		{"embed-dims", "0", "dimensions of its vectors; 0 takes what comes", checkCount},
		{
			"embed-services", "", "services of other models, model=url separated by commas; models that are not named " +
				"are asked of embed-url", checkServices,
		},
		{"milvus-addr", "", "host:port of Milvus; empty searches vectors in this process", checkOptionalAddr},
		{"milvus-database", "", "database of Milvus; empty for its default", nil},
		{"milvus-user", "", "user of Milvus; empty for none", nil},
		{"milvus-password-file", "", "file with the user's password, or without milvus-user with a token", nil},
		{"milvus-tls", "false", "speak TLS with Milvus; the settings that name its files do so as well", checkBool},
		{"milvus-tls-ca", "", "file with the authorities that sign Milvus's certificate; empty for the system's", nil},
		{"milvus-tls-cert", "", "file with this node's certificate for Milvus; empty for none", nil},
		{"milvus-tls-key", "", "file with the key of that certificate", nil},
		{"milvus-tls-name", "", "name in Milvus's certificate; empty for the host of milvus-addr", nil},
		{
			"milvus-consistency", "bounded", "which writes searches in Milvus must see: bounded, session or strong",
			checkConsistency,
		},
		{"role", defaultRoles, "what the node does, of coordinator, shard and gateway", checkRoles},
		{"node-id", "", "the node's name in its cluster, for ever; empty takes the data directory's, or a random one", nil},
		{"zone", "", "what fails together with the node; copies of a shard are kept in different zones", nil},
		{"rpc-addr", "", "address for calls between nodes, usually port 7947; empty for a node on its own", checkOptionalAddr},
		{"gossip-addr", "", "address of gossip, usually port 7946; by default on the host of rpc-addr", checkOptionalAddr},
		{"advertise-host", "", "host that other nodes reach this one by; by default that of the addresses", nil},
		{"join", "", "where other nodes' gossip is: host:port, dns+name:port, file:/path; separated by commas", checkJoin},
		{
			"coordinators", "", "how many coordinators found a new cluster together: 1, 3 or 5; by default 1, or none " +
				"with join", checkFounders,
		},
		{"gossip-key-file", "", "file with 32 bytes in base64 that encrypt gossip; all nodes alike", nil},
	}, slices.Concat(catalogSettings(), cacheSettings(), snapshotSettings(), scrubSettings(), securitySettings())...)
}

// delayVariable makes every search on the node wait, for tests of what one slow node costs. It is no setting:
// nobody shall find it among them.
const delayVariable = "SAGASU_TEST_SEARCH_DELAY"

// snapshotVariable makes shards keep so few entries of their logs that new replicas need files, for tests of moves. It
// is no setting either.
const snapshotVariable = "SAGASU_TEST_SNAPSHOT_EVERY"

// defaultRoles are all there are.
const defaultRoles = "coordinator,shard,gateway"

// envName is the environment variable of a setting.
func envName(key string) string {
	return "SAGASU_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// resolved is a setting's value and where it came from.
type resolved struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// configuration is all settings, resolved.
type configuration struct {
	values []resolved
	// pepper is the value of pepperVariable.
	pepper string
	// searchDelay is the value of delayVariable.
	searchDelay string
	// snapshotEvery is the value of snapshotVariable.
	snapshotEvery string
	// ignored are variables SAGASU_* that are no setting. They are not refused: Kubernetes sets such
	// variables for a service of that name.
	ignored []string
}

func (c *configuration) get(key string) string {
	for _, v := range c.values {
		if v.Key == key {
			return v.Value
		}
	}
	return ""
}

// count and duration read a setting that has been checked.
func (c *configuration) count(key string) (int, error) {
	n, err := strconv.Atoi(c.get(key))
	if err != nil {
		return 0, usageError("%s: %w", key, err)
	}
	return n, nil
}

func (c *configuration) duration(key string) (time.Duration, error) {
	d, err := time.ParseDuration(c.get(key))
	if err != nil {
		return 0, usageError("%s: %w", key, err)
	}
	return d, nil
}

// addSettings gives a command a flag for each setting, and --config.
func addSettings(flags *pflag.FlagSet) {
	flags.String("config", "", "YAML file with settings, keys as the flags' names")
	for _, s := range settings() {
		help := s.help + " [" + envName(s.key) + "]"
		if s.fallback == "false" {
			flags.Bool(s.key, false, help)
			continue
		}
		flags.String(s.key, s.fallback, help)
	}
}

// resolve brings flags, environment and file together. All errors are named, not just the first.
func resolve(flags *pflag.FlagSet, env []string) (*configuration, error) {
	vars := environment(env)
	path, err := flags.GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = vars["SAGASU_CONFIG"]
	}
	file, errs := readConfigFile(path)
	c := &configuration{searchDelay: "0", snapshotEvery: "0"}
	if text, ok := vars[snapshotVariable]; ok {
		c.snapshotEvery = text
	}
	c.pepper = vars[pepperVariable]
	if text, ok := vars[delayVariable]; ok {
		c.searchDelay = text
	}
	for _, s := range settings() {
		v := resolved{Key: s.key, Value: s.fallback, Source: "default"}
		if text, ok := file[s.key]; ok {
			v.Value, v.Source = text, "file "+path
		}
		if text, ok := vars[envName(s.key)]; ok {
			v.Value, v.Source = text, "environment "+envName(s.key)
		}
		if f := flags.Lookup(s.key); f != nil && f.Changed {
			v.Value, v.Source = f.Value.String(), "flag --"+s.key
		}
		if s.check != nil {
			if err := s.check(v.Value); err != nil {
				errs = append(errs, fmt.Errorf("%s (from %s): %w", s.key, v.Source, err))
			}
		}
		c.values = append(c.values, v)
	}
	c.ignored = unknownVariables(vars)
	if err := errors.Join(append(errs, c.checkExposure())...); err != nil {
		return c, &exitError{code: exitUsage, err: err}
	}
	return c, nil
}

func environment(env []string) map[string]string {
	vars := map[string]string{}
	for _, e := range env {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "SAGASU_") {
			vars[name] = value
		}
	}
	return vars
}

func unknownVariables(vars map[string]string) []string {
	known := []string{
		"SAGASU_CONFIG", serverVariable, keyVariable, keyFileVariable, pepperVariable, delayVariable, snapshotVariable,
	}
	for _, s := range settings() {
		known = append(known, envName(s.key))
	}
	var out []string
	for name := range vars {
		if !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// readConfigFile reads the YAML file, if there is one; an unknown key is an error that names it.
func readConfigFile(path string) (map[string]string, []error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("read configuration: %w", err)}
	}
	tree, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return nil, []error{fmt.Errorf("read configuration %s: %w", path, err)}
	}
	k := koanf.New(".")
	if err := k.Load(treeProvider(tree), nil); err != nil {
		return nil, []error{fmt.Errorf("read configuration %s: %w", path, err)}
	}
	values := map[string]string{}
	var errs []error
	for _, key := range k.Keys() {
		if !slices.ContainsFunc(settings(), func(s setting) bool { return s.key == key }) {
			errs = append(errs, fmt.Errorf("configuration %s: unknown key %q", path, key))
			continue
		}
		values[key] = k.String(key)
	}
	return values, errs
}

// treeProvider hands a parsed file to koanf.
type treeProvider map[string]any

func (p treeProvider) Read() (map[string]any, error) { return p, nil }

func (p treeProvider) ReadBytes() ([]byte, error) {
	return nil, errors.New("a parsed file has no bytes")
}

// checkExposure refuses to listen for other nodes on more than loopback unless that is asked for: calls between nodes
// are neither encrypted nor authenticated.
func (c *configuration) checkExposure() error {
	if c.get("insecure") == "true" || c.get("insecure-rpc") == "true" {
		return nil
	}
	var errs []error
	for _, key := range []string{"rpc-addr", "gossip-addr"} {
		if addr := c.get(key); addr != "" && !isLoopback(addr) {
			errs = append(errs, fmt.Errorf("%s %s can be reached from other machines, and whoever reaches it may do anything: "+
				"listen on 127.0.0.1, or in a network of the nodes' own and pass --insecure-rpc", key, addr))
		}
	}
	return errors.Join(errs...)
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkSet(v string) error {
	if v == "" {
		return errors.New("is not set")
	}
	return nil
}

func checkAddr(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is no address such as 127.0.0.1:8000 or :8000", v)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no port from 0 to 65535", v)
	}
	return nil
}

func checkOptionalAddr(v string) error {
	if v == "" {
		return nil
	}
	return checkAddr(v)
}

func checkBool(v string) error {
	if v != "true" && v != "false" {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

func checkURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http or https URL", v)
	}
	return nil
}

func checkProtocol(v string) error {
	if v != "openai" && v != "tei" {
		return fmt.Errorf("%q is neither openai nor tei", v)
	}
	return nil
}

func checkCount(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 {
		return fmt.Errorf("%q is no number from 0 on", v)
	}
	return nil
}
