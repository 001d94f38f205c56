package coordinator

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/shard"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// ListDocuments gives a page of what the catalog knows of the documents of an index.
func (n *Node) ListDocuments(ctx context.Context, index string, f api.DocumentFilter) (api.DocumentList, error) {
	l, err := n.find(index)
	if err != nil {
		return api.DocumentList{}, err
	}
	filter := catalog.Filter{
		Index: l.UUID, Source: f.Source, Text: f.Text, Parent: f.Parent, UpdatedFrom: f.UpdatedFrom, UpdatedTo: f.UpdatedTo,
	}
	if f.ByID {
		filter.Order = catalog.ByID
	}
	if f.State != "" {
		var ok bool
		if filter.State, ok = catalog.ParseState(f.State); !ok {
			return api.DocumentList{}, api.NewProblem(api.ProblemRequest, 400, "state",
				"is %.40q, must be received, indexed, embedded, failed or deleted", f.State)
		}
	}
	c, err := n.catalog()
	if err != nil {
		return api.DocumentList{}, err
	}
	page, err := c.Documents(ctx, filter, catalog.Page{After: f.After, Limit: f.Limit})
	if err != nil {
		return api.DocumentList{}, catalogProblem(err)
	}
	out := api.DocumentList{Next: page.Next}
	for i := range page.Documents {
		out.Documents = append(out.Documents, describeDocument(&page.Documents[i]))
	}
	return out, nil
}

func describeDocument(d *catalog.Document) api.CatalogDocument {
	return api.CatalogDocument{
		ID: d.ID, Parent: d.Parent, Version: d.Version, State: d.State.String(), Source: d.Source, Checksum: d.Checksum,
		Bytes: d.Bytes, Error: d.Error, Truncated: d.Truncated, ReceivedAt: d.ReceivedAt, IndexedAt: d.IndexedAt,
		EmbeddedAt: d.EmbeddedAt, UpdatedAt: d.UpdatedAt,
	}
}

// DocumentStatus gives a document as the leader of its shard and the catalog have it. Where documents are split, that
// of a document is that of its first passage. It returns api.ErrDocumentNotFound if nobody has it.
func (n *Node) DocumentStatus(ctx context.Context, index, id string) (api.DocumentStatus, error) {
	l, err := n.find(index)
	if err != nil {
		return api.DocumentStatus{}, err
	}
	asked := id
	if l.Schema.Passages != nil && l.Schema.RoutingKey(id) == id {
		id = api.PassageID(id, 0)
	}
	s := &l.shards[l.shardOf(id)]
	out := api.DocumentStatus{ID: id, Shard: s.ID}
	key, err := n.keyOf(ctx, s, id)
	if err != nil {
		return out, err
	}
	if key != nil {
		out.Version = key.Version
		for _, v := range key.Vectors {
			out.Vectors = append(out.Vectors, describeVector(key.Version, v))
		}
	}
	c, err := n.catalog()
	if err == nil {
		var d catalog.Document
		if d, err = c.Document(ctx, l.UUID, id); err == nil {
			known := describeDocument(&d)
			out.Catalog = &known
		}
	}
	if err != nil {
		out.CatalogTrouble = err.Error()
	}
	if key == nil && out.Catalog == nil {
		return out, fmt.Errorf("document %q: %w", asked, api.ErrDocumentNotFound)
	}
	return out, nil
}

// keyOf gives what the leader of a shard has of a document; nil for nothing.
func (n *Node) keyOf(ctx context.Context, s *shardLayout, id string) (*replica.KeyState, error) {
	var keys []replica.KeyState
	err := n.writes.atLeader(ctx, s, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		call.MinIndex = shard.Latest
		var err error
		keys, _, err = r.ListKeys(ctx, call, before(id), 2)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if keys[i].ID == id {
			return &keys[i], nil
		}
	}
	return nil, nil
}

// before gives a text below which no id lies between it and the given one, but for texts that are no UTF-8.
func before(id string) string {
	last := len(id) - 1
	if id[last] == 0 {
		return id[:last]
	}
	return id[:last] + string([]byte{id[last] - 1}) + strings.Repeat("\xff", 4)
}

// describeVector tells how a document of a version is in one generation of vectors.
func describeVector(version uint64, v replica.VectorState) api.VectorStatus {
	out := api.VectorStatus{Generation: v.Generation, Version: v.Version, Error: v.Failed, State: "waiting"}
	switch {
	case v.Failed != "":
		out.State = "failed"
	case v.NoText && v.Version == 0:
		out.State = "none"
	case v.Version == version:
		out.State = "ready"
	}
	return out
}

// CatalogStatus counts the documents of an index by state, and tells how far the catalog is behind its shards.
func (n *Node) CatalogStatus(ctx context.Context, index string) (api.CatalogStatus, error) {
	l, err := n.find(index)
	if err != nil {
		return api.CatalogStatus{}, err
	}
	c, err := n.catalog()
	if err != nil {
		return api.CatalogStatus{}, err
	}
	counts, err := c.Counts(ctx, l.UUID)
	if err != nil {
		return api.CatalogStatus{}, catalogProblem(err)
	}
	progress, err := c.Shards(ctx, l.UUID)
	if err != nil {
		return api.CatalogStatus{}, catalogProblem(err)
	}
	out := api.CatalogStatus{Documents: map[string]int64{}}
	for state, count := range counts {
		out.Documents[state.String()] = count
	}
	latest := n.latestVersions(ctx, l)
	for i := range l.shards {
		s := api.CatalogShard{Shard: l.shards[i].ID, Latest: latest[i], Rebuilding: true}
		for _, p := range progress {
			if p.Shard == s.Shard {
				s.Version, s.Rebuilding, s.UpdatedAt = p.Position.Version, p.Rebuilding, p.UpdatedAt
			}
		}
		if s.Latest > s.Version {
			out.LagVersions += s.Latest - s.Version
		}
		out.Shards = append(out.Shards, s)
	}
	return out, nil
}

// latestVersions gives the last version of each shard, 0 of one whose leader can't be asked.
func (n *Node) latestVersions(ctx context.Context, l *layout) []uint64 {
	out := make([]uint64, len(l.shards))
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	var asking sync.WaitGroup
	places := make(chan struct{}, infoParallel)
	for i := range l.shards {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			err := n.writes.atLeader(ctx, &l.shards[i], func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
				at, _, err := r.Position(ctx, call)
				out[i] = at.Version
				return err
			})
			if err != nil {
				out[i] = 0
			}
		})
	}
	asking.Wait()
	return out
}

// Report tells of the searches of an index, or of all.
func (n *Node) Report(ctx context.Context, req api.ReportRequest) (api.Report, error) {
	out := api.Report{Index: req.Index, From: req.From, To: req.To}
	span := catalog.Span{From: req.From, To: req.To}
	if req.Index != "" {
		l, err := n.find(req.Index)
		if err != nil {
			return out, err
		}
		span.Index = l.UUID
	}
	c, err := n.catalog()
	if err != nil {
		return out, err
	}
	switch req.Kind {
	case api.ReportTopQueries, api.ReportZeroHits:
		rank := c.TopQueries
		if req.Kind == api.ReportZeroHits {
			rank = c.ZeroHitQueries
		}
		var counts []catalog.QueryCount
		counts, err = rank(ctx, span, req.Limit)
		for _, q := range counts {
			out.Queries = append(out.Queries, api.QueryCount(q))
		}
	case api.ReportLatency:
		var points []catalog.LatencyPoint
		points, err = c.Latency(ctx, span)
		for _, p := range points {
			out.Latency = append(out.Latency, api.LatencyPoint{
				At: p.At, Count: p.Count, P50: millis(p.P50), P95: millis(p.P95), P99: millis(p.P99), Max: millis(p.Max),
			})
		}
	case api.ReportVolume:
		bucket := catalog.Hourly
		if req.Daily {
			bucket = catalog.Daily
		}
		var points []catalog.VolumePoint
		points, err = c.Volume(ctx, span, bucket)
		for _, p := range points {
			out.Volume = append(out.Volume, api.VolumePoint(p))
		}
	default:
		return out, api.NewProblem(api.ProblemNotFound, 404, "kind", "there is no report %.40q", req.Kind)
	}
	return out, catalogProblem(err)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Audits tells what was done to the cluster.
func (n *Node) Audits(ctx context.Context, f api.AuditFilter) (api.AuditList, error) {
	c, err := n.catalog()
	if err != nil {
		return api.AuditList{}, err
	}
	page, err := c.Audits(ctx, catalog.AuditFilter{
		Principal: f.Principal, Action: f.Action, Outcome: f.Outcome, Target: f.Target, From: f.From, To: f.To,
	}, catalog.Page{After: f.After, Limit: f.Limit})
	if err != nil {
		return api.AuditList{}, catalogProblem(err)
	}
	out := api.AuditList{Next: page.Next}
	for _, e := range page.Events {
		out.Events = append(out.Events, api.AuditEvent{
			At: e.At, Principal: e.Principal, Action: e.Action, Target: e.Target, Outcome: e.Outcome, Detail: e.Detail,
			RequestID: e.RequestID,
		})
	}
	return out, nil
}
