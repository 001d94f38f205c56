package embedclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// endpoint is one call of the protocol: how it is asked and how its answer is read.
type endpoint[V any] struct {
	path   string
	encode func(dst []byte, c *Config, kind Kind, texts []string) []byte
	decode func(body []byte, want int) ([]V, error)
}

// patience reports whether somebody will still wait after the pause.
type patience func(pause time.Duration) bool

// embedSplit embeds the texts by as few requests as possible: if the service rejects a batch, or does not
// answer one in time, it halves it, until each text at fault is alone. The results are parallel to the texts.
func embedSplit[V any](
	ctx context.Context, c *Client, e *endpoint[V], kind Kind, texts []string, worth patience,
) ([]V, []error) {
	values, err := embedBatch(ctx, c, e, kind, texts, worth)
	if err == nil {
		return values, make([]error, len(texts))
	}
	if len(texts) > 1 && (errors.Is(err, ErrRejected) || errors.Is(err, ErrTimeout) && ctx.Err() == nil) {
		half := len(texts) / 2
		values, errs := embedSplit(ctx, c, e, kind, texts[:half], worth)
		more, moreErrs := embedSplit(ctx, c, e, kind, texts[half:], worth)
		return append(values, more...), append(errs, moreErrs...)
	}
	errs := make([]error, len(texts))
	for i := range errs {
		errs[i] = err
	}
	return make([]V, len(texts)), errs
}

// embedBatch embeds the texts by one request, sent again while that may help.
func embedBatch[V any](
	ctx context.Context, c *Client, e *endpoint[V], kind Kind, texts []string, worth patience,
) ([]V, error) {
	body := e.encode(nil, &c.cfg, kind, texts)
	for retry := 0; ; retry++ {
		values, f := attempt(ctx, c, e, kind, body, len(texts))
		if f == nil {
			return values, nil
		}
		if len(texts) > 1 && errors.Is(f.err, ErrTimeout) {
			// The same again would take as long again.
			return nil, fmt.Errorf("embed %d %s texts: %w", len(texts), kind, f.err)
		}
		if retry == 0 {
			c.budget.attempted()
		}
		pause := max(backoff(retry), f.after)
		if !f.retry || retry == c.cfg.MaxRetries || !worth(pause) || !c.budget.spend() {
			return nil, fmt.Errorf("embed %d %s texts: %w", len(texts), kind, f.err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("embed %d %s texts: %w, while waiting after: %w", len(texts), kind, context.Cause(ctx), f.err)
		}
		c.metrics.retries.Inc()
	}
}

// backoff returns the pause before the n-th retry, from 0.
func backoff(n int) time.Duration {
	pause := min(retryBase<<n, retryCap)
	return pause/2 + rand.N(pause/2)
}

// attempt sends one request, as soon as there is a place for it.
func attempt[V any](
	ctx context.Context, c *Client, e *endpoint[V], kind Kind, body []byte, want int,
) ([]V, *failure) {
	select {
	case c.places[kind] <- struct{}{}:
		defer func() { <-c.places[kind] }()
	case <-ctx.Done():
		return nil, &failure{err: context.Cause(ctx)}
	}
	if ctx.Err() != nil {
		return nil, &failure{err: context.Cause(ctx)}
	}
	if !c.breaker.TryAcquirePermit() {
		c.metrics.requests.WithLabelValues(kind.String(), "breaker_open").Inc()
		return nil, &failure{err: fmt.Errorf("%w: it failed repeatedly, circuit breaker open", ErrUnavailable)}
	}
	start := time.Now()
	values, f := exchange(c, e, body, want, start.Add(c.cfg.timeout(kind)))
	if f != nil && f.breaks {
		c.breaker.RecordFailure()
	} else {
		c.breaker.RecordSuccess()
	}
	var err error
	if f != nil {
		err = f.err
	}
	took := time.Since(start)
	if kind == Passage {
		c.pace.told(len(body), took, err)
	}
	c.metrics.attempted(kind, err, took)
	return values, f
}

// exchange sends the request and reads the answer.
func exchange[V any](c *Client, e *endpoint[V], body []byte, want int, deadline time.Time) ([]V, *failure) {
	r, err := c.transport.post(e.path, body, deadline)
	if err != nil {
		again := errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimeout)
		return nil, &failure{err: err, retry: again, breaks: again}
	}
	defer r.release()
	if r.status != 200 {
		return nil, statusFailure(r.status, r.retryAfter, r.body, time.Now())
	}
	values, err := e.decode(r.body, want)
	if err != nil {
		return nil, &failure{err: err}
	}
	return values, nil
}
