package placement

import "sagasu/coordinator/state"

// Loads is what is known of how much shards and nodes carry. What is missing counts as 0.
type Loads struct {
	// Shards has by id what one replica of a shard costs.
	Shards map[string]ShardLoad
	// Disks has the disks of nodes.
	Disks map[string]Disk
}

// ShardLoad is what one replica of a shard costs.
type ShardLoad struct {
	Bytes uint64
	// Reads is how many calls a second read from it.
	Reads float64
}

// Disk is the file system of a node's data.
type Disk struct{ Total, Free uint64 }

// Move is one replica that is to go from one node to another.
type Move struct {
	Index, Shard, From, To string
	// Bytes is about what is copied.
	Bytes uint64
	// Reason is a sentence for a person.
	Reason string
}

// Plan is what brings replicas to where they should be.
type Plan struct {
	// Moves are of different shards, the more urgent first.
	Moves []Move
	// Unmet are rules that no move can fulfil now, as sentences.
	Unmet []string
	// More tells that further moves would follow.
	More bool
	// Before and After are what each node carries, by id.
	Before, After []Carried
}

// Carried is what a node carries.
type Carried struct {
	Node     string
	Replicas int
	Bytes    uint64
	Reads    float64
	// DiskPercent is how full its disk is; -1 if that is not known.
	DiskPercent int
}

// Rules are what a plan has to keep.
type Rules struct {
	// DiskLow is how full the disk of a node may be to get replicas, in percent; from DiskHigh on they are to leave it.
	DiskLow, DiskHigh int
	// Most is the most moves of a plan.
	Most int
}

// RulesOf gives the rules that the settings of a cluster say.
func RulesOf(view *state.View) Rules {
	return Rules{
		DiskLow: view.Number(state.SettingDiskLow), DiskHigh: view.Number(state.SettingDiskHigh),
		Most: state.MaxTogether - 1,
	}
}
