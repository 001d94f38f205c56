package embedclient

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// settle tells a pace of requests as large as it allows, to a service of that speed, and gives the last one's
// time.
func settle(p *pace, bytesPerSecond float64, requests int) time.Duration {
	var took time.Duration
	for range requests {
		size := p.allowance()
		took = time.Duration(float64(size) / bytesPerSecond * float64(time.Second))
		p.told(size, took, nil)
	}
	return took
}

func TestPace(t *testing.T) {
	const most = 1 << 20
	t.Run("a fast service gets all that is allowed", func(t *testing.T) {
		p := newPace(most)
		settle(p, 100e6, 20)
		require.Equal(t, most, p.allowance())
	})
	t.Run("requests to a slow service take about the target", func(t *testing.T) {
		for _, speed := range []float64{1e3, 3e3, 20e3, 200e3} {
			p := newPace(most)
			took := settle(p, speed, 40)
			if p.allowance() > paceLeast {
				require.LessOrEqual(t, took, 2*paceTarget, speed)
				require.Greater(t, took, paceTarget/4, speed)
			}
		}
	})
	t.Run("a service that becomes slow is asked for less", func(t *testing.T) {
		p := newPace(most)
		settle(p, 100e6, 20)
		require.LessOrEqual(t, settle(p, 10e3, 20), 2*paceTarget)
	})
	t.Run("timeouts halve, down to a floor", func(t *testing.T) {
		p := newPace(most)
		before := p.allowance()
		p.told(before, 30*time.Second, ErrTimeout)
		require.Equal(t, before/2, p.allowance())
		for range 30 {
			p.told(p.allowance(), 30*time.Second, ErrTimeout)
		}
		require.Equal(t, paceLeast, p.allowance())
	})
	t.Run("small requests and other failures teach nothing", func(t *testing.T) {
		p := newPace(most)
		before := p.allowance()
		p.told(10, time.Microsecond, nil)
		p.told(before, time.Microsecond, errors.New("refused"))
		require.Equal(t, before, p.allowance())
	})
}

func TestSlowService(t *testing.T) {
	texts := make([]string, 64)
	want := make([][]float32, len(texts))
	for i := range texts {
		texts[i] = fmt.Sprintf("%c%s", 'a'+i%26, strings.Repeat("x", 500+i))
		want[i] = fakeVector(texts[i])
	}
	// A text takes that service four seconds, so that more than seven at a time run into the deadline.
	slow := func(_ int, texts []string) fakeAnswer {
		return fakeAnswer{after: 4 * time.Second * time.Duration(len(texts))}
	}
	t.Run("all texts are embedded though large requests time out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeService{answer: slow}
			vectors, err := newFake(t, f, nil).Embed(t.Context(), Passage, texts)
			require.NoError(t, err)
			require.Equal(t, want, vectors)
		})
	})
	t.Run("later requests are small", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeService{answer: slow}
			c := newFake(t, f, nil)
			_, err := c.Embed(t.Context(), Passage, texts[:32])
			require.NoError(t, err)
			before := len(f.seen())
			_, err = c.Embed(t.Context(), Passage, texts[32:])
			require.NoError(t, err)
			for _, request := range f.seen()[before:] {
				require.LessOrEqual(t, len(request), 2)
			}
		})
	})
}
