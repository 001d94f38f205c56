package coordinator

import (
	"context"

	"sagasu/api"
)

// Search answers a search of an index. Errors: api.ErrIndexNotFound and those of query.Searcher.
func (n *Node) Search(ctx context.Context, index string, req *api.SearchRequest) (*api.SearchResponse, error) {
	l, err := n.find(index)
	if err != nil {
		return nil, err
	}
	sequence, err := readTokens(&l.Index, req.Sequence)
	if err != nil {
		return nil, err
	}
	at := n.cfg.Now()
	answer, err := n.searcher.Search(ctx, l.target(n.router, sequence), req)
	if err == nil {
		n.pulse.observe(n.cfg.Now(), n.cfg.Now().Sub(at))
		n.register.logSearch(l, req, answer, at)
	}
	return answer, err
}
