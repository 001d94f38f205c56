package httpapi

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// getDocument answers with the document's present version.
func (c *call) getDocument() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	stored, err := c.server.cfg.Node.Get(ctx, c.index, c.id)
	if err != nil {
		return err
	}
	if err := c.mayRead(&stored); err != nil {
		return err
	}
	c.ctx.Response.Header.Set("ETag", `"`+strconv.FormatUint(stored.Version, 10)+`"`)
	body := make([]byte, 0, len(stored.Source)+len(stored.ID)+len(stored.Passage)+96)
	return c.json(fasthttp.StatusOK, stored.AppendJSON(body))
}

// mayRead says of a document that the caller may not see what is said of one that does not exist.
func (c *call) mayRead(stored *api.StoredDocument) error {
	if c.only == nil {
		return nil
	}
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	only, err := c.documents(schema)
	if err != nil {
		return err
	}
	if !auth.Visible(schema, only, stored.Source) {
		return fmt.Errorf("document %q: %w", c.id, api.ErrDocumentNotFound)
	}
	return nil
}

func (c *call) putDocument() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	if err := schema.CheckWriteID(c.id); err != nil {
		return err
	}
	data, err := c.body(maxDocumentBody)
	if err != nil {
		return err
	}
	write, err := api.ParseDocumentAs(schema, c.id, data)
	if err != nil {
		return err
	}
	if write.Kind == api.OpDelete {
		return badParameter("op", "is delete; use the method DELETE")
	}
	return c.writeOne(write)
}

func (c *call) deleteDocument() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	if err := schema.CheckWriteID(c.id); err != nil {
		return err
	}
	return c.writeOne(api.Write{Kind: api.OpDelete, Doc: api.Document{ID: c.id}})
}

// writeOne writes a document and answers with the status of its result.
func (c *call) writeOne(write api.Write) error {
	if c.ctx.QueryArgs().Has("if_version") {
		text := c.query("if_version")
		if given := len(c.ctx.QueryArgs().PeekMulti("if_version")); given > 1 {
			return badParameter("if_version", "is given %d times", given)
		}
		version, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return badParameter("if_version", "is %q, must be a whole number of at least 0", text)
		}
		if write.IfVersion != nil && *write.IfVersion != version {
			return badParameter("if_version", "is %d in the address and %d in the body", version, *write.IfVersion)
		}
		if write.Kind == api.OpCreate && version != 0 {
			return badParameter("if_version", "contradicts op create, which means if_version 0")
		}
		write.IfVersion = &version
	}
	results, err := c.write([]api.Write{write})
	if err != nil {
		return err
	}
	result := &results[0]
	status := fasthttp.StatusOK
	switch result.Status {
	case api.StatusCreated:
		status = fasthttp.StatusCreated
	case api.StatusNotFound:
		status = fasthttp.StatusNotFound
	case api.StatusConflict:
		status = fasthttp.StatusConflict
	case api.StatusError:
		status = fasthttp.StatusInternalServerError
		if result.Error != nil {
			status = result.Error.Status
		}
	}
	return c.json(status, result.AppendJSON(nil))
}

// options reads what the address says about a write, and how long that may take; and which documents it may touch.
func (c *call) options() (opts WriteOptions, limit time.Duration, err error) {
	limit = c.server.cfg.OperationTimeout
	switch wait := c.query("wait"); wait {
	case "":
	case "dense":
		opts.WaitDense, limit = true, waitDenseTimeout
	default:
		return opts, 0, badParameter("wait", "is %q, must be dense", wait)
	}
	if c.only == nil {
		return opts, limit, nil
	}
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return opts, 0, err
	}
	opts.Only, err = c.documents(schema)
	return opts, limit, err
}

// write admits and runs writes.
func (c *call) write(writes []api.Write) ([]api.WriteResult, error) {
	opts, limit, err := c.options()
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(limit)
	defer cancel()
	if err := c.server.writes.enter(ctx); err != nil {
		return nil, err
	}
	defer c.server.writes.leave()
	results, err := c.server.cfg.Node.Write(ctx, c.index, writes, opts)
	if err != nil {
		return nil, waited(results, err)
	}
	for i := range results {
		Complain(&writes[i], &results[i])
	}
	return results, nil
}

// waited tells, when the writes took place, that only the wait for the dense leg failed.
func waited(results []api.WriteResult, err error) error {
	if len(results) == 0 {
		return err
	}
	p := *ProblemOf(err)
	p.Detail = "the documents are written and can be found by words, but not yet by meaning: " + p.Detail
	return &p
}

// complain puts into a conflict what it is about.
func Complain(write *api.Write, result *api.WriteResult) {
	if result.Status != api.StatusConflict || result.Error != nil {
		return
	}
	if write.Kind == api.OpCreate {
		result.Error = api.NewProblem(api.ProblemConflict, fasthttp.StatusConflict, "op",
			"the document exists already, in version %d", result.Version)
		return
	}
	wanted := uint64(0)
	if write.IfVersion != nil {
		wanted = *write.IfVersion
	}
	result.Error = api.NewProblem(api.ProblemConflict, fasthttp.StatusConflict, "if_version",
		"is %d, the present version is %d", wanted, result.Version)
}

// writeDocuments takes one document, an array, or a stream of lines, by content type and first byte.
func (c *call) writeDocuments() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	async, err := c.flag("async")
	switch lines := c.isLines(); {
	case err != nil:
		return err
	case async:
		return c.startJob(lines)
	case lines:
		return c.writeStream(schema)
	}
	data, err := c.body(maxDocumentBody)
	if err != nil {
		return err
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return c.writeArray(schema, data)
	}
	write, err := api.ParseDocument(schema, data)
	if err != nil {
		return err
	}
	return c.writeOne(write)
}

// isLines reports whether the body is said to be a stream of lines.
func (c *call) isLines() bool {
	kind, _, _ := strings.Cut(string(c.ctx.Request.Header.ContentType()), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return true
	}
	return false
}

// writeArray writes the elements that are documents and gives a result for each element, in order.
func (c *call) writeArray(schema *api.Schema, data []byte) error {
	elements, err := api.SplitArray(data)
	if err != nil {
		return err
	}
	batch := newBatch()
	for i, element := range elements {
		write, err := api.ParseDocument(schema, element)
		if err != nil {
			batch.refuse(write.Doc.ID, err, "["+strconv.Itoa(i)+"]")
			continue
		}
		batch.add(write, len(element))
	}
	if len(batch.writes) > 0 {
		results, err := c.write(batch.writes)
		if err != nil {
			return err
		}
		batch.settle(results)
	}
	body := append(make([]byte, 0, 64*len(elements)+64), `{"errors":`...)
	body = strconv.AppendBool(body, batch.failed())
	body = append(body, `,"items":[`...)
	for i := range batch.results {
		if i > 0 {
			body = append(body, ',')
		}
		body = batch.results[i].AppendJSON(body)
	}
	return c.json(fasthttp.StatusOK, append(body, "]}"...))
}
