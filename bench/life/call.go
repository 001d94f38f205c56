package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sagasu/api"
)

// call sends a request to the node.
func (s *stand) call(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	return send(ctx, method, s.url+path, body)
}

func send(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // what matters is read
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// must is call for what has to succeed; into may be nil.
func (s *stand) must(ctx context.Context, method, path string, body []byte, into any) error {
	status, answer, err := s.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// errNotCompared is returned when a comparison of stores did not come to its end.
var errNotCompared = errors.New("the stores were not compared")

// verify compares the stores of an index once.
func (s *stand) verify(ctx context.Context, index string) (*api.VerifyReport, error) {
	path := "/v1/indexes/" + index + "/verify"
	var o api.Operation
	if err := s.must(ctx, http.MethodPost, path, nil, &o); err != nil {
		return nil, err
	}
	err := s.await(ctx, time.Minute, "the comparison has not ended", func() (bool, error) {
		if err := s.must(ctx, http.MethodGet, "/v1/operations/"+o.ID, nil, &o); err != nil {
			return false, err
		}
		switch o.State {
		case "failed", "cancelled":
			return false, fmt.Errorf("%w: it is %s: %s", errNotCompared, o.State, o.Error)
		}
		return o.State == "done", nil
	})
	if err != nil {
		return nil, err
	}
	var report api.VerifyReport
	return &report, s.must(ctx, http.MethodGet, path+"/"+o.ID, nil, &report)
}

// untilEqual verifies until nothing differs and gives how long after since that was found.
func (s *stand) untilEqual(ctx context.Context, index string, documents int, since time.Time) (time.Duration, error) {
	for ctx.Err() == nil {
		report, err := s.verify(ctx, index)
		took := time.Since(since)
		if errors.Is(err, errNotCompared) && took < 2*time.Minute {
			// A store that can't be read is not equal yet.
			continue
		}
		if err != nil {
			return 0, err
		}
		if len(report.Differences) == 0 && report.Documents == documents {
			s.told.Printf("%s: %d documents agree in shards and %v\n", index, report.Documents, report.Stores)
			return took, nil
		}
		if took > 2*time.Minute {
			return 0, fmt.Errorf("still different after %s: %+v", took, report)
		}
	}
	return 0, ctx.Err()
}
