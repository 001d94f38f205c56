package api

// Layout says how an index is spread over a cluster.
type Layout struct {
	// Shards is the number of parts that the documents are divided into, 1 to MaxShards.
	Shards int
	// Replicas is the number of copies of each part, 1 to MaxReplicas. More than there are nodes are
	// accepted: those that lack are made when nodes come.
	Replicas int
}

// Check gives a *Problem unless the numbers are within their limits.
func (l Layout) Check() error {
	if l.Shards < 1 || l.Shards > MaxShards {
		return NewProblem(ProblemRequest, 400, "shards", "is %d, must be 1 to %d", l.Shards, MaxShards)
	}
	if l.Replicas < 1 || l.Replicas > MaxReplicas {
		return NewProblem(ProblemRequest, 400, "replicas", "is %d, must be 1 to %d", l.Replicas, MaxReplicas)
	}
	return nil
}

// Health is how a cluster or a part of it is.
type Health string

// The values of Health.
const (
	// HealthGreen has everything it shall have.
	HealthGreen Health = "green"
	// HealthYellow serves everything, with less in reserve than wanted.
	HealthYellow Health = "yellow"
	// HealthRed does not serve everything.
	HealthRed Health = "red"
)

// ClusterStatus is a cluster as one node sees it.
type ClusterStatus struct {
	// ClusterID is empty until the node has joined or founded a cluster.
	ClusterID string `json:"cluster_id"`
	Health    Health `json:"health"`
	// Node is the node that answers.
	Node string `json:"node"`
	// Leader leads the coordinators, as far as the node knows; empty for nobody.
	Leader string `json:"leader"`
	// Version is that of the metadata which the node goes by; Current says that they are known to be new.
	Version uint64 `json:"version"`
	Current bool   `json:"current"`
	// FeatureLevel is what all nodes of the cluster can do.
	FeatureLevel uint32 `json:"feature_level"`
	Nodes        int    `json:"nodes"`
	NodesAlive   int    `json:"nodes_alive"`
	Indexes      int    `json:"indexes"`
	Shards       int    `json:"shards"`
	// Problems are sentences for a person, each with what is wrong and what to do.
	Problems []string `json:"problems"`
}

// NodeInfo is a node as another one sees it.
type NodeInfo struct {
	ID    string   `json:"id"`
	Roles []string `json:"roles"`
	Zone  string   `json:"zone"`
	// Status is alive, dead, left, or unknown to gossip.
	Status string `json:"status"`
	// SinceMillis is since when, in milliseconds since 1970 UTC; 0 if unknown.
	SinceMillis int64  `json:"since_millis"`
	Version     string `json:"version"`
	RPC         string `json:"rpc"`
	HTTP        string `json:"http"`
	Ops         string `json:"ops"`
	// Coordinator is leader, voter, learner, or empty for none.
	Coordinator string `json:"coordinator"`
	// Replicas is the number of replicas that the metadata place on the node.
	Replicas        int    `json:"replicas"`
	DiskUsedPercent int    `json:"disk_used_percent"`
	DiskFreeBytes   uint64 `json:"disk_free_bytes"`
}

// ShardStatus is a shard as its replicas tell of it.
type ShardStatus struct {
	Index   string `json:"index"`
	Shard   string `json:"shard"`
	Ordinal int    `json:"ordinal"`
	// FromSlot and ToSlot are the slots it holds, the latter exclusive.
	FromSlot int    `json:"from_slot"`
	ToSlot   int    `json:"to_slot"`
	Epoch    uint64 `json:"epoch"`
	Health   Health `json:"health"`
	// Leader takes its writes; empty for nobody.
	Leader string `json:"leader"`
	// WantedReplicas is how many copies the index wants.
	WantedReplicas int             `json:"wanted_replicas"`
	Replicas       []ReplicaStatus `json:"replicas"`
}

// ReplicaStatus is one copy of a shard.
type ReplicaStatus struct {
	Node string `json:"node"`
	// State is leader, follower, catching_up, repairing, failed or unreachable.
	State string `json:"state"`
	// Applied is the entry of the shard's log that the replica has reached.
	Applied   uint64 `json:"applied"`
	Documents int    `json:"documents"`
	DenseLag  int    `json:"dense_lag_documents"`
	Bytes     int64  `json:"bytes"`
	// Move is arriving or leaving for a copy that is made or given up: searches do not ask it.
	Move string `json:"move,omitempty"`
	// Error is why it failed or can't be reached.
	Error string `json:"error,omitempty"`
	// Repair tells how far the replacing of damaged files is, of a replica in state repairing.
	Repair *ReplicaRepair `json:"repair,omitempty"`
}

// ReplicaRepair is the repair of a copy whose files are damaged.
type ReplicaRepair struct {
	// Reason is the damage, with file and section.
	Reason string `json:"reason"`
	// From is the node whose copy is copied; empty while none can be asked. Bytes of TotalBytes are here.
	From       string `json:"from,omitempty"`
	Bytes      int64  `json:"bytes"`
	TotalBytes int64  `json:"total_bytes"`
}

// Alias is another name of an index.
type Alias struct {
	Name  string `json:"name"`
	Index string `json:"index"`
}

// Operation is a piece of work that may take longer than a second.
type Operation struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// State is pending (planned), running, paused, cancelling, cancelled, done or failed.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Index  string `json:"index,omitempty"`
	Shard  string `json:"shard,omitempty"`
	Node   string `json:"node,omitempty"`
	Error  string `json:"error,omitempty"`
	Done   uint64 `json:"done"`
	Total  uint64 `json:"total"`
	// CreatedMillis and UpdatedMillis are milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
	UpdatedMillis int64 `json:"updated_millis"`
	// EstimateSeconds is about how long it will still run, at the rate so far; 0 if nobody can tell.
	EstimateSeconds float64 `json:"estimate_seconds,omitempty"`
	// Parent is the operation that it is a part of, From the node that a replica leaves, Step what is done now.
	Parent string `json:"parent,omitempty"`
	From   string `json:"from,omitempty"`
	Step   string `json:"step,omitempty"`
	// RequestedBy is who asked for it, PausedBy who paused it.
	RequestedBy string `json:"requested_by,omitempty"`
	PausedBy    string `json:"paused_by,omitempty"`
	// ThrottleBytesPerSecond is its own limit of copying, 0 for the cluster's. Bytes of about TotalBytes are copied.
	ThrottleBytesPerSecond uint64 `json:"throttle_bytes_per_second,omitempty"`
	Bytes                  uint64 `json:"bytes,omitempty"`
	TotalBytes             uint64 `json:"total_bytes,omitempty"`
	// StartedMillis is when it began to run, in milliseconds since 1970 UTC; 0 before.
	StartedMillis int64 `json:"started_millis,omitempty"`
	// Job tells more of a bulk, where one operation is asked for.
	Job *JobProgress `json:"job,omitempty"`
}

// ParseAlias reads {"index": ".."}, where an alias is to lead. Its errors are *Problem.
func ParseAlias(data []byte) (index string, err error) {
	s := &scanner{data: data}
	err = s.object(func(key string) error {
		var err error
		if key != "index" {
			return bad("is no part of an alias (index)")
		}
		index, err = s.string()
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && index == "" {
		err = badField("index", "is missing")
	}
	if err == nil {
		err = CheckIndexName(index)
	}
	return index, complete(ProblemRequest, err)
}

// Setting is a setting of the cluster and its value.
type Setting struct{ Key, Value string }

// ParseSettings reads {"key": "value", ..}, at least one, in order. Its errors are *Problem.
func ParseSettings(data []byte) ([]Setting, error) {
	s := &scanner{data: data}
	var out []Setting
	err := s.object(func(key string) error {
		value, err := s.string()
		out = append(out, Setting{key, value})
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && len(out) == 0 {
		err = bad("the body names no setting")
	}
	return out, complete(ProblemRequest, err)
}
