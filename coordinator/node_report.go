package coordinator

import (
	"context"
	"encoding/json"
	"fmt"

	"sagasu/api"
	"sagasu/shard"
)

// methodReport asks a node how it and its replicas are; the number is never used again for something else.
const methodReport uint16 = 0x0601

// reportCall says of which shards a node is to tell; none for all.
type reportCall struct {
	Shards []string `json:"shards,omitempty"`
}

// nodeReport is what a node tells of itself to whoever decides where replicas belong.
type nodeReport struct {
	// Disk is that of the data directory.
	DiskTotalBytes uint64 `json:"disk_total_bytes"`
	DiskFreeBytes  uint64 `json:"disk_free_bytes"`
	// SearchP95Micros is the 95th percentile of the searches that the node's front end answered lately, of Searches.
	SearchP95Micros int64 `json:"search_p95_micros"`
	Searches        int   `json:"searches"`
	// Leading counts the groups that it leads, the metadata's included; InFlight the calls to its replicas under way.
	Leading  int                   `json:"leading"`
	InFlight int                   `json:"in_flight"`
	Replicas []shard.ReplicaReport `json:"replicas"`
}

// replica gives the report of a shard's replica; false if the node has none.
func (r *nodeReport) replica(id string) (shard.ReplicaReport, bool) {
	for i := range r.Replicas {
		if r.Replicas[i].Shard == id {
			return r.Replicas[i], true
		}
	}
	return shard.ReplicaReport{}, false
}

// report tells of this node.
func (n *Node) report(call reportCall) (nodeReport, error) {
	r := nodeReport{}
	total, free := diskSpace(n.cfg.DataDir)
	r.DiskTotalBytes, r.DiskFreeBytes = total, free
	p95, searches := n.pulse.p95(n.cfg.Now())
	r.SearchP95Micros, r.Searches = p95.Microseconds(), searches
	if n.meta.coordinator != nil && n.meta.leads() {
		r.Leading++
	}
	if n.host == nil {
		return r, nil
	}
	r.Leading += n.host.Leading()
	r.InFlight += n.host.InFlight()
	var err error
	r.Replicas, err = n.host.Report(call.Shards...)
	return r, err
}

// answerReport answers another node.
func (n *Node) answerReport(_ context.Context, body, dst []byte) ([]byte, error) {
	var call reportCall
	if err := json.Unmarshal(body, &call); err != nil {
		return nil, fmt.Errorf("call for a report: %w", err)
	}
	r, err := n.report(call)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return append(dst, data...), nil
}

// askReport asks a node, which may be this one, how it is.
func (n *Node) askReport(ctx context.Context, node string, shards ...string) (nodeReport, error) {
	if node == n.who.Load().ID {
		return n.report(reportCall{Shards: shards})
	}
	var r nodeReport
	if n.net == nil {
		return r, fmt.Errorf("node %q is not in this cluster: %w", node, api.ErrUnavailable)
	}
	body, err := json.Marshal(reportCall{Shards: shards})
	if err != nil {
		return r, fmt.Errorf("encode call: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	data, err := n.net.Call(ctx, node, methodReport, body)
	if err != nil {
		return r, fmt.Errorf("ask node %s how it is: %w", node, err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("report of node %s: %w", node, err)
	}
	return r, nil
}
