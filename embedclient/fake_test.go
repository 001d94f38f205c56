package embedclient

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// fakeService is a service in the same process, for tests in virtual time. It embeds a text as its
// length and its first byte.
type fakeService struct {
	// answer says what happens to the n-th request, from 0; nil answers all at once.
	answer func(n int, texts []string) fakeAnswer

	mu       sync.Mutex
	requests [][]string
	times    []time.Time
	active   int
	peak     int
	closed   chan struct{}
}

// fakeAnswer is an answer: after a time, a status, or an error. Zero is a good answer at once.
type fakeAnswer struct {
	after      time.Duration
	status     int
	retryAfter string
	err        error
	body       string
}

func (f *fakeService) post(_ string, body []byte, deadline time.Time) (reply, error) {
	var request struct{ Input []string }
	if err := json.Unmarshal(body, &request); err != nil {
		return reply{}, err
	}
	f.mu.Lock()
	n := len(f.requests)
	f.requests = append(f.requests, request.Input)
	f.times = append(f.times, time.Now())
	f.active++
	f.peak = max(f.peak, f.active)
	f.mu.Unlock()
	var a fakeAnswer
	if f.answer != nil {
		a = f.answer(n, request.Input)
	}
	select {
	case <-time.After(a.after):
	case <-time.After(time.Until(deadline)):
		a = fakeAnswer{err: ErrTimeout}
	case <-f.closed:
		a = fakeAnswer{err: ErrUnavailable}
	}
	f.mu.Lock()
	f.active--
	f.mu.Unlock()
	switch {
	case a.err != nil:
		return reply{}, a.err
	case a.status == 0 && a.body == "":
		return reply{status: 200, body: fakeVectors(request.Input)}, nil
	case a.status == 0:
		a.status = 200
	}
	return reply{status: a.status, retryAfter: a.retryAfter, body: []byte(a.body)}, nil
}

func (f *fakeService) close() error {
	close(f.closed)
	return nil
}

// pauses returns the times between requests.
func (f *fakeService) pauses() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []time.Duration{}
	for i := 1; i < len(f.times); i++ {
		list = append(list, f.times[i].Sub(f.times[i-1]))
	}
	return list
}

// seen returns the requests' texts.
func (f *fakeService) seen() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func fakeVector(text string) []float32 {
	first := byte(0)
	if text != "" {
		first = text[0]
	}
	return []float32{float32(len(text)), float32(first)}
}

func fakeVectors(texts []string) []byte {
	data := []byte(`{"data":[`)
	for i, text := range texts {
		if i > 0 {
			data = append(data, ',')
		}
		v := fakeVector(text)
		data = fmt.Appendf(data, `{"index":%d,"embedding":[%v,%v]}`, i, v[0], v[1])
	}
	return append(data, "]}"...)
}

// newFake makes a client of the fake service; it is closed with the test.
func newFake(t *testing.T, f *fakeService, change func(*Config)) *Client {
	t.Helper()
	return newFakeWith(t, f, change, nil)
}

func newFakeWith(t *testing.T, f *fakeService, change func(*Config), reg prometheus.Registerer) *Client {
	t.Helper()
	f.closed = make(chan struct{})
	cfg := Default()
	cfg.URL, cfg.Dims = "http://fake", 2
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	c, err := newClient(cfg, nil, reg, f)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// value returns what a counter or gauge says.
func value(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, metric.Write(&m))
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}
