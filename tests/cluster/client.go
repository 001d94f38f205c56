package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sagasu/api"
)

// Client calls nodes over HTTP. It repeats nothing that may have been done: whoever tests wants to see every failure.
type Client struct{ http *http.Client }

// NewClient gives a client that keeps as many connections as there are calls at once.
func NewClient() *Client {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 1024, DisableCompression: true, IdleConnTimeout: idleTimeout,
	}
	return &Client{http: &http.Client{Transport: transport}}
}

// Close lets go of connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends a request and gives the answer's status and body; an error means that there was no whole answer.
func (c *Client) Do(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read answer of %s: %w", url, err)
	}
	return resp.StatusCode, answer, nil
}

// get decodes the answer of a GET, which must be 200.
func (c *Client) get(ctx context.Context, url string, into any) error {
	status, body, err := c.Do(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("get %s: status %d: %.500s", url, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode answer of %s: %w", url, err)
	}
	return nil
}

// Status gives the cluster as the node at base sees it.
func (c *Client) Status(ctx context.Context, base string) (api.ClusterStatus, error) {
	var status api.ClusterStatus
	return status, c.get(ctx, base+"/v1/cluster", &status)
}

// Shards gives the shards of an index, with every replica.
func (c *Client) Shards(ctx context.Context, base, index string) ([]api.ShardStatus, error) {
	var answer struct {
		Shards []api.ShardStatus `json:"shards"`
	}
	return answer.Shards, c.get(ctx, base+"/v1/cluster/shards?index="+url.QueryEscape(index), &answer)
}

// DocumentURL gives where a document is.
func DocumentURL(base, index, id string) string {
	return base + "/v1/indexes/" + url.PathEscape(index) + "/documents/" + url.PathEscape(id)
}

// CreateIndex makes an index of so many shards and replicas.
func (c *Client) CreateIndex(ctx context.Context, base, index, schema string, shards, replicas int) error {
	at := fmt.Sprintf("%s/v1/indexes/%s?shards=%d&replicas=%d", base, url.PathEscape(index), shards, replicas)
	status, body, err := c.Do(ctx, http.MethodPut, at, []byte(schema))
	if err != nil {
		return fmt.Errorf("create index %s: %w", index, err)
	}
	if status != http.StatusCreated {
		return fmt.Errorf("create index %s: status %d: %.500s", index, status, body)
	}
	return nil
}
