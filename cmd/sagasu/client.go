package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
)

// serverVariable names the server for the commands that talk to one.
const serverVariable = "SAGASU_SERVER"

const defaultServer = "http://127.0.0.1:8000"

// maxAnswerBytes bounds what is read of one answer.
const maxAnswerBytes = 256 << 20

// client talks to a node.
type client struct {
	base string
	// key is the credential of requests; "" for none.
	key  string
	http *http.Client
}

func addServerFlag(c *cobra.Command) {
	c.Flags().String("server", "", "base URL of the node ["+serverVariable+"], default "+defaultServer)
	c.Flags().String("key-file", "", "file with the key or token to be known by ["+keyFileVariable+", or "+keyVariable+
		" has it itself]")
}

func newClient(c *cobra.Command, env []string) (*client, error) {
	base, err := c.Flags().GetString("server")
	if err != nil {
		return nil, err
	}
	if base == "" {
		base = environment(env)[serverVariable]
	}
	if base == "" {
		base = defaultServer
	}
	if err := checkURL(base); err != nil {
		return nil, usageError("--server: %w", err)
	}
	key, err := clientKey(c, env)
	if err != nil {
		return nil, err
	}
	return &client{base: strings.TrimRight(base, "/"), key: key, http: &http.Client{}}, nil
}

// indexPath is the path of an index, and of what is below it.
func indexPath(name string, below ...string) string {
	path := "/v1/indexes/" + url.PathEscape(name)
	for _, b := range below {
		path += "/" + b
	}
	return path
}

// call sends a request and gives the answer's body. A problem document becomes its error; no answer at
// all has the exit code for that.
func (c *client) call(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	return c.send(ctx, method, path, contentType, bytes.NewReader(body))
}

// send is call with a body that is read as it is sent.
func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, usageError("%w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &exitError{code: exitUnreachable, err: fmt.Errorf("reach the server: %w", err)}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, &exitError{code: exitUnreachable, err: fmt.Errorf("read the server's answer: %w", err)}
	}
	if resp.StatusCode < 300 {
		return data, nil
	}
	var problem api.Problem
	if json.Unmarshal(data, &problem) == nil && problem.Status != 0 {
		return nil, &serverError{problem: &problem}
	}
	return nil, fmt.Errorf("server answered %s: %.200q", resp.Status, data)
}

// serverError is a problem document of the server.
type serverError struct{ problem *api.Problem }

func (e *serverError) Error() string {
	return fmt.Sprintf("%s (%d)", e.problem.Error(), e.problem.Status)
}

// callJSON is call with JSON both ways; in is JSON already, out may be nil.
func (c *client) callJSON(ctx context.Context, method, path string, in []byte, out any) error {
	contentType := ""
	if in != nil {
		contentType = "application/json"
	}
	data, err := c.call(ctx, method, path, contentType, in)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("understand the server's answer: %w", err)
	}
	return nil
}
