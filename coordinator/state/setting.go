package state

import (
	"fmt"
	"slices"
	"strconv"
)

// The settings of a cluster.
const (
	// SettingRebuildGrace is how many seconds a node may be away before its replicas are rebuilt elsewhere.
	SettingRebuildGrace = "rebuild_grace_seconds"
	// SettingRebuildParallel is how many replicas may be built at a time, in the whole cluster.
	SettingRebuildParallel = "rebuild_parallel"
	// SettingMoveBytes is how many bytes a second a move copies unless its operation says otherwise.
	SettingMoveBytes = "move_bytes_per_second"
	// SettingMoveParallel is how many replicas a rebalance moves at a time.
	SettingMoveParallel = "move_parallel"
	// SettingSearchObjective is the 95th percentile of searches, in milliseconds, beyond which rebalances pause; 0 for
	// none.
	SettingSearchObjective = "search_p95_objective_ms"
	// SettingDiskLow is how full a disk may be, in percent, for its node to get replicas, SettingDiskHigh from where on
	// they are moved away.
	SettingDiskLow  = "disk_low_percent"
	SettingDiskHigh = "disk_high_percent"
	// SettingDrainLease is how many seconds a node that is drained for a restart may be away.
	SettingDrainLease = "drain_lease_seconds"
)

// Setting is a setting and its value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// known is what a setting may be: a whole number.
type known struct {
	key, fallback string
	least, most   int
	// later tells that it came with LevelOperations.
	later bool
}

// knownSettings are all settings, ascending by key. A new one, or another range, needs a new feature level:
// a node that does not know a setting would refuse what the others accept.
func knownSettings() []known {
	return []known{
		{key: SettingDiskHigh, fallback: "90", least: 1, most: 100, later: true},
		{key: SettingDiskLow, fallback: "85", least: 1, most: 100, later: true},
		{key: SettingDrainLease, fallback: "600", least: 10, most: 24 * 3600, later: true},
		{key: SettingMoveBytes, fallback: "67108864", least: 64 << 10, most: 1 << 40, later: true},
		{key: SettingMoveParallel, fallback: "2", least: 1, most: 64, later: true},
		{key: SettingRebuildGrace, fallback: "300", least: 0, most: 7 * 24 * 3600},
		{key: SettingRebuildParallel, fallback: "8", least: 1, most: 64},
		{key: SettingSearchObjective, fallback: "1000", least: 0, most: 60_000, later: true},
	}
}

func knownSetting(key string) (known, bool) {
	all := knownSettings()
	i := slices.IndexFunc(all, func(k known) bool { return k.key == key })
	if i < 0 {
		return known{}, false
	}
	return all[i], true
}

// ValidateSetting returns ErrSetting, with what is wrong, for an unknown setting or a value it can't have.
func ValidateSetting(key, value string) error {
	k, ok := knownSetting(key)
	if !ok {
		return fmt.Errorf("%w: there is no setting %.64q", ErrSetting, key)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < k.least || n > k.most || strconv.Itoa(n) != value {
		return fmt.Errorf("%w: %s is %.64q, must be a whole number of %d to %d", ErrSetting, key, value, k.least, k.most)
	}
	return nil
}

// number gives a setting as the number that it is.
func (v *View) number(key string) int {
	n, err := strconv.Atoi(v.Setting(key))
	if err != nil {
		return 0
	}
	return n
}
