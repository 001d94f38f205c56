package gossip

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/memberlist"
)

// Meta is what a member tells of itself; at most 512 bytes encoded, which allows texts of about 400.
type Meta struct {
	Cluster  string   // cluster id, empty until known
	Instance string   // random, made with the data directory (hex)
	Roles    []string // coordinator, shard, gateway
	Zone     string   // failure domain
	Version  string   // of the program
	RPC      string   // host:port that others reach the internal RPC by
	HTTP     string   // host:port of the front end
	Ops      string   // host:port of the operations server
	Level    uint32   // highest feature level it can run
	Load     Load     // how busy it is
	Expect   int      // coordinators it expects at foundation, 0 = joins an existing cluster
}

// Load is coarse on purpose: it changes rarely enough to be gossiped.
type Load struct {
	Shards          int    // replicas it holds
	CPUPercent      int    // of all its cores
	DiskUsedPercent int    // of the file system of the data directory
	DiskFreeBytes   uint64 // on the same
}

func (m Meta) clone() Meta {
	m.Roles = slices.Clone(m.Roles)
	return m
}

// HasRole tells whether the member has a role.
func (m Meta) HasRole(role string) bool { return slices.Contains(m.Roles, role) }

// The encoding is one byte, the version a reader has to know, and then fields: a byte for the tag, the length as a
// uvarint, the value. Numbers are uvarints, zero values are left out, and a reader passes over tags it doesn't know, so
// that a field can be added without a new version.
const metaVersion = 1

const (
	tagCluster = iota + 1
	tagInstance
	tagRole // once for each
	tagZone
	tagVersion
	tagRPC
	tagHTTP
	tagOps
	tagLevel
	tagShards
	tagCPUPercent
	tagDiskUsedPercent
	tagDiskFreeBytes
	tagExpect
	tagLeaving // the member is about to leave: its end, which memberlist shows like any other, is no failure
)

// encodeMeta gives the bytes that are gossiped. ErrInvalidMeta says what does not fit.
func encodeMeta(m Meta, leaving bool) ([]byte, error) {
	if len(m.Roles) > maxRoles {
		return nil, fmt.Errorf("%w: %d roles, at most %d are allowed", ErrInvalidMeta, len(m.Roles), maxRoles)
	}
	b := []byte{metaVersion}
	text := func(tag byte, value string) {
		if value != "" {
			b = append(binary.AppendUvarint(append(b, tag), uint64(len(value))), value...)
		}
	}
	number := func(tag byte, value uint64) {
		if value != 0 {
			text(tag, string(binary.AppendUvarint(nil, value)))
		}
	}
	for _, f := range m.texts() {
		if err := checkText(f.name, *f.value); err != nil {
			return nil, err
		}
		text(f.tag, *f.value)
	}
	for _, role := range m.Roles {
		if role == "" {
			return nil, fmt.Errorf("%w: a role is empty", ErrInvalidMeta)
		}
		if err := checkText("role", role); err != nil {
			return nil, err
		}
		text(tagRole, role)
	}
	for _, f := range m.counts() {
		if *f.value < 0 || *f.value > math.MaxInt32 {
			return nil, fmt.Errorf("%w: %s is %d", ErrInvalidMeta, f.name, *f.value)
		}
		number(f.tag, uint64(*f.value))
	}
	number(tagLevel, uint64(m.Level))
	number(tagDiskFreeBytes, m.Load.DiskFreeBytes)
	if leaving {
		number(tagLeaving, 1)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidMeta, len(b), memberlist.MetaMaxSize)
	}
	return b, nil
}

// decodeMeta is the inverse of encodeMeta; it keeps nothing of data. ErrInvalidMeta names what is wrong.
func decodeMeta(data []byte) (m Meta, leaving bool, err error) {
	if len(data) == 0 || len(data) > memberlist.MetaMaxSize {
		return Meta{}, false, fmt.Errorf("%w: %d bytes", ErrInvalidMeta, len(data))
	}
	if data[0] != metaVersion {
		return Meta{}, false, fmt.Errorf("%w: version %d, this program reads %d", ErrInvalidMeta, data[0], metaVersion)
	}
	for rest := data[1:]; len(rest) > 0; {
		tag := rest[0]
		length, n := binary.Uvarint(rest[1:])
		if n <= 0 || length > uint64(len(rest)-1-n) {
			return Meta{}, false, fmt.Errorf("%w: field %d is cut off", ErrInvalidMeta, tag)
		}
		value := rest[1+n : 1+n+int(length)]
		rest = rest[1+n+int(length):]
		if tag == tagLeaving {
			leaving = true
			continue
		}
		if err := m.set(tag, value); err != nil {
			return Meta{}, false, err
		}
	}
	return m, leaving, nil
}

func (m *Meta) set(tag byte, value []byte) error {
	for _, f := range m.texts() {
		if f.tag == tag {
			*f.value = string(value)
			return checkText(f.name, *f.value)
		}
	}
	for _, f := range m.counts() {
		if f.tag == tag {
			v, err := readNumber(f.name, value, math.MaxInt32)
			*f.value = int(v)
			return err
		}
	}
	var err error
	switch tag {
	case tagRole:
		if len(m.Roles) == maxRoles || len(value) == 0 {
			return fmt.Errorf("%w: a role is empty, or there are over %d", ErrInvalidMeta, maxRoles)
		}
		m.Roles = append(m.Roles, string(value))
		return checkText("role", string(value))
	case tagLevel:
		var v uint64
		v, err = readNumber("level", value, math.MaxUint32)
		m.Level = uint32(v)
	case tagDiskFreeBytes:
		m.Load.DiskFreeBytes, err = readNumber("free bytes", value, math.MaxUint64)
	}
	return err
}

type metaField[T any] struct {
	tag   byte
	name  string
	value *T
}

func (m *Meta) texts() []metaField[string] {
	return []metaField[string]{
		{tagCluster, "cluster", &m.Cluster},
		{tagInstance, "instance", &m.Instance},
		{tagZone, "zone", &m.Zone},
		{tagVersion, "version", &m.Version},
		{tagRPC, "RPC address", &m.RPC},
		{tagHTTP, "HTTP address", &m.HTTP},
		{tagOps, "operations address", &m.Ops},
	}
}

func (m *Meta) counts() []metaField[int] {
	return []metaField[int]{
		{tagShards, "shards", &m.Load.Shards},
		{tagCPUPercent, "CPU percent", &m.Load.CPUPercent},
		{tagDiskUsedPercent, "disk percent", &m.Load.DiskUsedPercent},
		{tagExpect, "expected coordinators", &m.Expect},
	}
}

func readNumber(name string, value []byte, most uint64) (uint64, error) {
	v, n := binary.Uvarint(value)
	if n <= 0 || n != len(value) || v > most {
		return 0, fmt.Errorf("%w: %s is no number of its range", ErrInvalidMeta, name)
	}
	return v, nil
}

// checkText refuses what would make a mess of tables and logs.
func checkText(name, value string) error {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%w: %s %q has characters that are not text", ErrInvalidMeta, name, value)
	}
	return nil
}
