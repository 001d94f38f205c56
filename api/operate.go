package api

// Limits of what an operator may ask for.
const (
	// MinThrottle and MaxThrottle bound the copying of an operation, in bytes per second: less would not keep up with
	// writes, more is no limit.
	MinThrottle = 64 << 10
	MaxThrottle = 1 << 40
	// MaxLeaseSeconds bounds how long a node may be away for a restart.
	MaxLeaseSeconds = 24 * 3600
)

// MoveRequest asks for a replica of a shard to be brought from one node to another.
type MoveRequest struct {
	Shard, From, To string
	// Throttle bounds the copying, in bytes per second; 0 for the cluster's setting.
	Throttle uint64
	// DryRun only checks, and tells what would be done.
	DryRun bool
}

// Move is one change of where a replica is: From is empty for one more, To for one less.
type Move struct {
	Index string `json:"index"`
	Shard string `json:"shard"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	// Reason is a sentence for a person.
	Reason string `json:"reason"`
	// Bytes is about what is copied, EstimateSeconds how long that takes under the throttle.
	Bytes           uint64  `json:"bytes"`
	EstimateSeconds float64 `json:"estimate_seconds"`
	// Operation is set once it is one.
	Operation string `json:"operation,omitempty"`
}

// RebalanceRequest asks for the fewest moves after which the replicas are where they should be.
type RebalanceRequest struct {
	Throttle uint64
	// DryRun only plans.
	DryRun bool
}

// NodeLoad is what a node carries, before and after a plan.
type NodeLoad struct {
	Node string `json:"node"`
	Zone string `json:"zone,omitempty"`
	// Drained, Away: no replica is brought there.
	Drained         string  `json:"drained,omitempty"`
	Alive           bool    `json:"alive"`
	DiskUsedPercent int     `json:"disk_used_percent"`
	DiskTotalBytes  uint64  `json:"disk_total_bytes,omitempty"`
	Replicas        int     `json:"replicas"`
	Bytes           uint64  `json:"bytes"`
	SearchesPerSec  float64 `json:"searches_per_second"`
	ReplicasAfter   int     `json:"replicas_after"`
	BytesAfter      uint64  `json:"bytes_after"`
	SearchesAfter   float64 `json:"searches_per_second_after"`
}

// RebalancePlan is what a rebalance does, or would do.
type RebalancePlan struct {
	DryRun bool `json:"dry_run"`
	// Operation is that of the rebalance; empty for a dry run, or if nothing is to be done.
	Operation string `json:"operation,omitempty"`
	Moves     []Move `json:"moves"`
	// More says that the plan was cut at the most moves of one rebalance: ask again when it is done.
	More  bool       `json:"more,omitempty"`
	Nodes []NodeLoad `json:"nodes"`
	// Unmet are rules that no move can fulfil, as sentences.
	Unmet           []string `json:"unmet"`
	Bytes           uint64   `json:"bytes"`
	EstimateSeconds float64  `json:"estimate_seconds"`
}

// PlaceVerdict is what speaks for or against a shard's replica on a node.
type PlaceVerdict struct {
	Node string `json:"node"`
	Zone string `json:"zone,omitempty"`
	// Here tells that the node has a replica; Possible that it might get one.
	Here     bool     `json:"here"`
	Possible bool     `json:"possible"`
	Reasons  []string `json:"reasons"`
}

// ShardExplanation says why a shard's replicas are where they are.
type ShardExplanation struct {
	Index  string `json:"index"`
	Shard  string `json:"shard"`
	Health Health `json:"health"`
	Wanted int    `json:"wanted_replicas"`
	Placed int    `json:"placed_replicas"`
	// Unassigned says why there are fewer replicas than wanted; empty if there are not.
	Unassigned string `json:"unassigned,omitempty"`
	// Operation is the one that moves a replica of it now.
	Operation string `json:"operation,omitempty"`
	// Nodes are those with a replica, then the others, the better first.
	Nodes []PlaceVerdict `json:"nodes"`
}

// DrainRequest asks for a node to be made ready for a restart or its removal.
type DrainRequest struct {
	// Mode is restart or remove.
	Mode string
	// LeaseSeconds is how long a node may be away for a restart; 0 for the cluster's setting.
	LeaseSeconds int
	DryRun       bool
}

// DrainStatus tells how far the draining of a node is.
type DrainStatus struct {
	Node string `json:"node"`
	// State is none, draining, or drained: it may be stopped.
	State     string `json:"state"`
	Mode      string `json:"mode,omitempty"`
	Operation string `json:"operation,omitempty"`
	// LeadersLeft counts the groups that it leads, InFlight the calls under way, ReplicasLeft those that are to leave.
	LeadersLeft  int `json:"leaders_left"`
	InFlight     int `json:"in_flight"`
	ReplicasLeft int `json:"replicas_left"`
	// EstimateSeconds is about how long it takes until it is drained; 0 if nobody can tell.
	EstimateSeconds float64 `json:"eta_seconds"`
	// UntilMillis is when its absence counts as a loss, in milliseconds since 1970 UTC.
	UntilMillis int64 `json:"until_millis,omitempty"`
}

// ParseMove reads {"shard": "..", "from": "..", "to": "..", "throttle_bytes_per_second": n, "dry_run": b}. Its errors
// are *Problem.
func ParseMove(data []byte) (MoveRequest, error) {
	var m MoveRequest
	err := parseRequest(data, func(s *scanner, key string) (err error) {
		switch key {
		case "shard":
			m.Shard, err = s.string()
		case "from":
			m.From, err = s.string()
		case "to":
			m.To, err = s.string()
		case "throttle_bytes_per_second":
			m.Throttle, err = s.throttle()
		case "dry_run":
			m.DryRun, err = s.bool()
		default:
			err = bad("is no part of a move (shard, from, to, throttle_bytes_per_second, dry_run)")
		}
		return err
	})
	for _, f := range [][2]string{{"shard", m.Shard}, {"from", m.From}, {"to", m.To}} {
		if err == nil && f[1] == "" {
			err = badField(f[0], "is missing")
		}
	}
	return m, complete(ProblemRequest, err)
}

// ParseRebalance reads {"dry_run": b, "throttle_bytes_per_second": n}; an empty body is a request without either. Its
// errors are *Problem.
func ParseRebalance(data []byte) (RebalanceRequest, error) {
	var r RebalanceRequest
	if len(data) == 0 {
		return r, nil
	}
	err := parseRequest(data, func(s *scanner, key string) (err error) {
		switch key {
		case "throttle_bytes_per_second":
			r.Throttle, err = s.throttle()
		case "dry_run":
			r.DryRun, err = s.bool()
		default:
			err = bad("is no part of a rebalance (dry_run, throttle_bytes_per_second)")
		}
		return err
	})
	return r, complete(ProblemRequest, err)
}

// ParseDrain reads {"mode": "restart"|"remove", "lease_seconds": n, "dry_run": b}. Its errors are *Problem.
func ParseDrain(data []byte) (DrainRequest, error) {
	var r DrainRequest
	err := parseRequest(data, func(s *scanner, key string) (err error) {
		switch key {
		case "mode":
			if r.Mode, err = s.string(); err == nil && r.Mode != "restart" && r.Mode != "remove" {
				err = bad("is %.40q, must be restart or remove", r.Mode)
			}
		case "lease_seconds":
			r.LeaseSeconds, err = s.small(1, MaxLeaseSeconds)
		case "dry_run":
			r.DryRun, err = s.bool()
		default:
			err = bad("is no part of a drain (mode, lease_seconds, dry_run)")
		}
		return err
	})
	switch {
	case err != nil:
	case r.Mode == "":
		err = badField("mode", "is missing, must be restart or remove")
	case r.Mode == "remove" && r.LeaseSeconds != 0:
		err = badField("lease_seconds", "is for mode restart")
	}
	return r, complete(ProblemRequest, err)
}

// ParseReplicas reads {"replicas": n}. Its errors are *Problem.
func ParseReplicas(data []byte) (int, error) {
	replicas := 0
	err := parseRequest(data, func(s *scanner, key string) (err error) {
		if key != "replicas" {
			return bad("is no part of this (replicas)")
		}
		replicas, err = s.small(1, MaxReplicas)
		return err
	})
	if err == nil && replicas == 0 {
		err = badField("replicas", "is missing")
	}
	return replicas, complete(ProblemRequest, err)
}

// ParseThrottle reads {"bytes_per_second": n}, 0 for the cluster's setting. Its errors are *Problem.
func ParseThrottle(data []byte) (bytesPerSecond uint64, err error) {
	given := false
	err = parseRequest(data, func(s *scanner, key string) (err error) {
		if key != "bytes_per_second" {
			return bad("is no part of a throttle (bytes_per_second)")
		}
		given = true
		bytesPerSecond, err = s.throttle()
		return err
	})
	if err == nil && !given {
		err = badField("bytes_per_second", "is missing")
	}
	return bytesPerSecond, complete(ProblemRequest, err)
}

// parseRequest reads one object.
func parseRequest(data []byte, each func(s *scanner, key string) error) error {
	s := &scanner{data: data}
	err := s.object(func(key string) error { return each(s, key) })
	if err == nil {
		err = s.end()
	}
	return err
}

// throttle reads a number of bytes per second, 0 for none of its own.
func (s *scanner) throttle() (uint64, error) {
	n, err := s.int()
	switch {
	case err != nil:
		return 0, err
	case n != 0 && (n < MinThrottle || n > MaxThrottle):
		return 0, bad("is %d, must be %d to %d, or 0 for the cluster's setting", n, MinThrottle, int64(MaxThrottle))
	}
	return uint64(n), nil
}

// The ways to steer an operation, beside cancelling it.
const (
	SteerPause    = "pause"
	SteerResume   = "resume"
	SteerThrottle = "throttle"
)

// Steering is what is asked of an operation.
type Steering struct {
	// Action is pause, resume or throttle.
	Action string
	// By is who asks.
	By string
	// Throttle is for that action, in bytes per second; 0 for the cluster's setting.
	Throttle uint64
}

// Why a change of the cluster is refused; it stays as it is.
const (
	RefusedUnknown   = "unknown"
	RefusedSameNode  = "same_node"
	RefusedSameZone  = "same_zone"
	RefusedNoReplica = "no_replica"
	RefusedDraining  = "draining"
	RefusedAway      = "away"
	RefusedFull      = "full"
	RefusedMoving    = "already_moving"
	RefusedUnhealthy = "unhealthy"
	RefusedRunning   = "already_running"
	// RefusedLastCopy would take the last copy that has everything, RefusedQuorum leave a shard without a majority.
	RefusedLastCopy = "last_in_sync_copy"
	RefusedQuorum   = "no_majority_left"
	RefusedOther    = "another_drain"
	RefusedRed      = "health_red"
	RefusedNowhere  = "nowhere_to_go"
)

// Refused makes the problem of a change of the cluster that is refused for a reason of the list.
func Refused(reason, field, format string, args ...any) *Problem {
	p := NewProblem(ProblemConflict, 409, field, format, args...)
	p.Reason = reason
	if reason == RefusedUnknown {
		p.Type, p.Title, p.Status = ProblemNotFound, problemTitle(ProblemNotFound), 404
	}
	return p
}
