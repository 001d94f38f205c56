package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
)

var (
	// ErrConfig is returned by New when a setting is missing or can't be.
	ErrConfig = errors.New("invalid router configuration")
	// ErrNoCopy is returned for a shard without copies. It is an api.ErrUnavailable.
	ErrNoCopy = fmt.Errorf("shard has no copy: %w", api.ErrUnavailable)
)

// Config configures a Router.
type Config struct {
	Registry prometheus.Registerer
	Logger   *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Rand gives a number of [0, n), evenly. It is called concurrently.
	Rand func(n int) int
	// HedgePercent is how many calls in a hundred may be sent to a second copy because the first is late,
	// beyond HedgeBurst of them.
	HedgePercent float64
	HedgeBurst   int
	// RetryPercent is how many calls in a hundred may be repeated on another copy because one failed or is
	// stuck, beyond RetryBurst of them.
	RetryPercent float64
	RetryBurst   int
	// NodeFailed reports whether an error says that nothing of a node can be reached, not one replica only;
	// nil if errors don't tell. All copies on such a node are avoided for a while.
	NodeFailed func(error) bool
	// OnStale is told that a replica knows a newer epoch of a shard than the view a call was made with. It
	// must not block; nil for nobody.
	OnStale func(shard string, epoch uint64)
	// Refresh waits until a view of the shard of at least that epoch is there, and gives it; false if there
	// is none before ctx is done. nil if views can't be renewed.
	Refresh func(ctx context.Context, shard string, epoch uint64) (ShardView, bool)
}

// Default gives the defaults; Registry and Logger are to be set.
func Default() Config {
	return Config{
		Now: time.Now, Rand: rand.IntN,
		HedgePercent: hedgePercent, HedgeBurst: hedgeBurst, RetryPercent: retryPercent, RetryBurst: retryBurst,
	}
}

// Validate returns ErrConfig, naming the first setting that is missing or can't be.
func (c Config) Validate() error {
	switch {
	case c.Registry == nil, c.Logger == nil, c.Now == nil, c.Rand == nil:
		return fmt.Errorf("%w: registry, logger, clock and source of random numbers are required", ErrConfig)
	case !(c.HedgePercent >= 0 && c.HedgePercent <= 100):
		return fmt.Errorf("%w: HedgePercent is %v, must be between 0 and 100", ErrConfig, c.HedgePercent)
	case !(c.RetryPercent >= 0 && c.RetryPercent <= 100):
		return fmt.Errorf("%w: RetryPercent is %v, must be between 0 and 100", ErrConfig, c.RetryPercent)
	case c.HedgeBurst < 0:
		return fmt.Errorf("%w: HedgeBurst is %d, must not be negative", ErrConfig, c.HedgeBurst)
	case c.RetryBurst < 0:
		return fmt.Errorf("%w: RetryBurst is %d, must not be negative", ErrConfig, c.RetryBurst)
	}
	return nil
}
