package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// stream is a bulk of lines under way. One goroutine reads and parses lines and starts batches, one
// each writes a batch, one collects results in the order of the lines, and one, fasthttp's, writes them
// to the client. What is held at any time is a few batches and the spool.
type stream struct {
	call   *call
	schema *api.Schema
	opts   WriteOptions
	limit  time.Duration
	// index, method are copies: fasthttp's request must not be looked at once the handler returned.
	index, method string
	lines         *lineReader
	conn          net.Conn
	ctx           context.Context
	cancel        context.CancelFunc
	queue         chan *batch
	spool         *spool
	// reading is closed when no line is read any more; nil until Read is called.
	reading chan struct{}
	// chunk is what the spool gave last, pending the part that Read has not given yet.
	chunk, pending []byte
	// ended is set once all results are given.
	ended bool
	// flying are the batches not known to be done, oldest first; of the reading goroutine.
	flying []*batch
}

// writeStream answers a stream of lines with a stream of results.
func (c *call) writeStream(schema *api.Schema) error {
	opts, limit, err := c.options()
	if err != nil {
		return err
	}
	if encoding := c.ctx.Request.Header.ContentEncoding(); len(encoding) > 0 {
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusUnsupportedMediaType, "Content-Encoding",
			"is %q; send bodies as they are", encoding)
	}
	if err := c.server.writes.enter(c.server.base); err != nil {
		return err
	}
	st := &stream{
		call: c, schema: schema, opts: opts, limit: limit, index: c.index, method: string(c.ctx.Method()),
		conn: c.ctx.Conn(), queue: make(chan *batch, batchesInFlight-1), spool: newSpool(spoolBytes),
	}
	// Only a request without a body has no stream; Request.Body would read all of a stream.
	body := c.ctx.RequestBodyStream()
	if body == nil {
		body = bytes.NewReader(nil)
	}
	st.lines = newLineReader(patient{body, st.conn, c.server.cfg}, api.MaxBulkLine)
	st.ctx, st.cancel = context.WithCancel(c.server.base)
	c.streaming = true
	c.ctx.Response.SetStatusCode(fasthttp.StatusOK)
	c.ctx.Response.Header.SetContentType("application/x-ndjson")
	// A stream writer of fasthttp would run on a goroutine that nobody waits for, and could read the
	// connection's buffer when it serves another; a body stream is closed first.
	c.ctx.Response.SetBodyStream(st, -1)
	return nil
}

// patient gives each read the whole read timeout: a stream may last, but not stand still.
type patient struct {
	io.Reader
	conn net.Conn
	cfg  Config
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(p.cfg.ReadTimeout)); err != nil {
		return 0, fmt.Errorf("set deadline: %w", err)
	}
	return p.Reader.Read(b)
}

// Read gives fasthttp the results as they come, to write them to the client; it does so on one goroutine,
// which calls Close after.
func (s *stream) Read(p []byte) (int, error) {
	if s.reading == nil {
		s.reading = make(chan struct{})
		go func() {
			defer close(s.reading)
			s.read()
		}()
		go s.collect()
	}
	if len(s.pending) == 0 {
		s.chunk = s.spool.take(s.chunk)
		s.pending = s.chunk
	}
	// The time to write what comes back here, or the end of the answer, starts now.
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.call.server.cfg.WriteTimeout)); err != nil {
		return 0, fmt.Errorf("set deadline: %w", err)
	}
	if len(s.pending) == 0 {
		s.ended = true
		return 0, io.EOF
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// Close ends the stream. After it, nobody reads the request any more: fasthttp reuses its buffers.
func (s *stream) Close() error {
	s.cancel()
	s.spool.abandon()
	var err error
	if s.reading != nil {
		if !s.ended {
			// The client is gone; wake the goroutine that waits for its next bytes.
			err = s.conn.Close()
		}
		<-s.reading
	}
	c := s.call
	c.server.writes.leave()
	c.server.metrics.observe(c.route, s.method, fasthttp.StatusOK, c.server.cfg.Now().Sub(c.start))
	return err
}

// read makes batches of lines and starts them.
func (s *stream) read() {
	defer close(s.queue)
	current := newBatch()
	for number := 1; ; number++ {
		line, err := s.lines.next()
		place := "line " + strconv.Itoa(number)
		switch {
		case errors.Is(err, io.EOF):
			s.start(current)
			return
		case errors.Is(err, errLineTooLong):
			current.refuse("", api.NewProblem(api.ProblemTooLarge, fasthttp.StatusRequestEntityTooLarge, "",
				"has more than the %d bytes allowed in a line", api.MaxBulkLine), place)
		case err != nil:
			current.refuse("", api.NewProblem(api.ProblemRequest, fasthttp.StatusBadRequest, "",
				"the body breaks off here: %v", err), place)
			s.start(current)
			return
		case len(line) > 0:
			write, err := api.ParseDocument(s.schema, line)
			if err != nil {
				current.refuse("", err, place)
			} else {
				current.add(write, len(line))
			}
		}
		idle := s.lines.empty() && s.inFlight() == 0
		if current.full() || idle {
			s.start(current)
			current = newBatch()
		}
		if s.ctx.Err() != nil {
			return
		}
	}
}

// inFlight gives the number of batches that are being written.
func (s *stream) inFlight() int {
	for len(s.flying) > 0 {
		select {
		case <-s.flying[0].done:
			s.flying = s.flying[1:]
			continue
		default:
		}
		break
	}
	return len(s.flying)
}

// start writes a batch beside those in flight, after all of them if they write a document of it too:
// lines about one document take effect in their order.
func (s *stream) start(b *batch) {
	if len(b.results) == 0 {
		return
	}
	s.inFlight()
	for _, earlier := range s.flying {
		if b.meets(earlier) {
			s.settle()
			break
		}
	}
	if len(b.writes) == 0 {
		close(b.done)
	} else {
		s.flying = append(s.flying, b)
		go s.write(b)
	}
	s.queue <- b // waits while too many are in flight
}

// settle waits for all batches in flight.
func (s *stream) settle() {
	for _, b := range s.flying {
		<-b.done
	}
	s.flying = nil
}

func (s *stream) write(b *batch) {
	defer close(b.done)
	defer func() {
		if p := recover(); p != nil {
			b.fail(fmt.Errorf("panic: %v", p))
			s.call.server.cfg.Logger.Error("write panicked", "request_id", s.call.requestID, "panic", fmt.Sprint(p))
		}
	}()
	ctx, cancel := context.WithTimeout(s.ctx, s.limit)
	defer cancel()
	results, err := s.call.server.cfg.Node.Write(ctx, s.index, b.writes, s.opts)
	if err != nil {
		if p := ProblemOf(err); p.Status == fasthttp.StatusInternalServerError {
			s.call.server.cfg.Logger.Error("bulk write failed", "request_id", s.call.requestID, "error", err)
		}
		b.fail(waited(results, err))
		return
	}
	for i := range results {
		Complain(&b.writes[i], &results[i])
	}
	b.settle(results)
}

// collect brings results into the order of the lines.
func (s *stream) collect() {
	var buffer []byte
	for b := range s.queue {
		<-b.done
		buffer = buffer[:0]
		for i := range b.results {
			buffer = append(b.results[i].AppendJSON(buffer), '\n')
		}
		s.spool.put(buffer)
	}
	s.spool.close()
}
