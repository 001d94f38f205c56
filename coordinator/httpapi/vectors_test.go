package httpapi

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func (n *fakeNode) ChangeModel(_ context.Context, index string, change api.ModelChange) (api.Operation, error) {
	if _, err := n.Schema(index); err != nil {
		return api.Operation{}, err
	}
	return api.Operation{ID: fmt.Sprintf("reembed-%s-%d", change.Model, change.Dims), Kind: "reembed"}, nil
}

func (n *fakeNode) DenseFailures(_ context.Context, index string, generation int) (api.DenseFailures, error) {
	_, err := n.Schema(index)
	return api.DenseFailures{Generation: generation, Failures: []api.DenseFailure{}}, err
}

func (n *fakeNode) RetryDense(_ context.Context, index string, _ int) error {
	_, err := n.Schema(index)
	return err
}

func (n *fakeNode) Verify(_ context.Context, index string, repair bool) (api.Operation, error) {
	_, err := n.Schema(index)
	return api.Operation{ID: fmt.Sprint("verify-", repair)}, err
}

func (n *fakeNode) VerifyReport(_ context.Context, index, operation string) (api.VerifyReport, error) {
	_, err := n.Schema(index)
	return api.VerifyReport{Operation: operation, Index: index, Differences: []api.Difference{}}, err
}

func TestVectors(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/indexes/papers/model", `{"model":"e5","dims":384}`, 202, `"id":"reembed-e5-384"`},
		{"POST", "/v1/indexes/papers/model", `{"dims":384}`, 400, `"field":"model"`},
		{"POST", "/v1/indexes/none/model", `{"model":"e5"}`, 404, ""},
		{"PUT", "/v1/indexes/papers/model", `{}`, 405, ""},
		{"GET", "/v1/indexes/papers/dense/failures", "", 200, `{"generation":-1,"failures":[],"more":0}`},
		{"GET", "/v1/indexes/papers/dense/failures?generation=2", "", 200, `"generation":2`},
		{"GET", "/v1/indexes/papers/dense/failures?generation=x", "", 400, `"field":"generation"`},
		{"GET", "/v1/indexes/none/dense/failures", "", 404, ""},
		{"POST", "/v1/indexes/papers/dense/retry", "", 204, ""},
		{"POST", "/v1/indexes/papers/dense/retry?generation=-1", "", 400, ""},
		{"POST", "/v1/indexes/none/dense/retry", "", 404, ""},
		{"POST", "/v1/indexes/papers/verify", "", 202, `"id":"verify-false"`},
		{"POST", "/v1/indexes/papers/verify?repair=true", "", 202, `"id":"verify-true"`},
		{"POST", "/v1/indexes/papers/verify?repair=perhaps", "", 400, `"field":"repair"`},
		{"GET", "/v1/indexes/papers/verify/verify-1", "", 200, `"operation":"verify-1"`},
		{"GET", "/v1/indexes/none/verify/verify-1", "", 404, ""},
		{"GET", "/v1/indexes/papers/dense", "", 404, ""},
	} {
		resp, body := f.do(t, c.method, c.path, c.body)
		require.Equal(t, c.status, resp.StatusCode, "%s %s: %s", c.method, c.path, body)
		require.Contains(t, body, c.want)
	}
}
