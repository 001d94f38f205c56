package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// seeker looks for members that should be there and are not: at the start, after the network was cut in two, and when
// this node has a new address that others don't believe yet. memberlist itself forgets the dead after half a minute.
type seeker struct {
	addr   string
	table  *table
	logger *slog.Logger
	ask    func() ([]string, error)                            // for join addresses; nil for none
	join   func(addresses []string) (int, error)               // memberlist's
	lookup func(context.Context, string) ([]netip.Addr, error) // of a host's addresses
	nudge  chan struct{}

	mu   sync.Mutex
	last error
}

func newSeeker(cfg Config, t *table) *seeker {
	return &seeker{
		addr: t.addr, table: t, logger: cfg.Logger, ask: cfg.Join, nudge: make(chan struct{}, 1),
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
	}
}

// hurry makes the next attempt soon.
func (s *seeker) hurry() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

func (s *seeker) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// run looks for members until ctx is done.
func (s *seeker) run(ctx context.Context) {
	displaced, failed := false, 0
	var believed time.Time // when all should know where this node is
	for ctx.Err() == nil {
		missing := s.round(ctx, displaced)
		if s.table.elsewhere() {
			believed = time.Now().Add(reclaimPatience)
		}
		displaced = time.Now().Before(believed)
		alive, _ := s.table.around()
		alone := len(alive) == 0 && s.ask != nil
		if missing || displaced || alone {
			failed++
		} else {
			failed = 0
		}
		if s.sleep(ctx, pause(failed, alone || displaced), s.nudge) {
			s.sleep(ctx, pause(1, true), nil) // many may be gone at once
			failed = 0
		}
	}
}

// sleep waits, and tells whether it was nudged.
func (s *seeker) sleep(ctx context.Context, d time.Duration, nudge <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-nudge:
		return true
	}
	return false
}

// pause gives how long to wait after a number of attempts without full success, between half and all of what doubles
// each time.
func pause(failed int, urgent bool) time.Duration {
	most := joinMax
	if urgent {
		most = joinAloneMax
	}
	if failed > 0 && failed < 16 {
		most = min(most, joinAgain<<(failed-1))
	}
	return most/2 + rand.N(most/2)
}

// target is a member to join: one of the addresses.
type target struct {
	addresses []string
	wanted    bool // it is missing as long as none of them is a live member's
}

// round tries what is missing, and tells whether something still is. All of it, the live members too, is for a node
// that others hold to be at an earlier address: who has not forgotten its earlier life tells it what to contradict.
func (s *seeker) round(ctx context.Context, all bool) (missing bool) {
	seeds, failure := s.seeds(ctx)
	alive, dead := s.table.around()
	var targets []target
	for _, seed := range seeds {
		addresses, err := s.resolve(ctx, seed)
		if err != nil {
			failure = errors.Join(failure, fmt.Errorf("look up %s: %w", seed, err))
			missing = true
		} else if all || !s.covers(alive, addresses) {
			targets = append(targets, target{addresses, true})
		}
	}
	if all {
		targets = append(targets, some(alive)...)
	}
	if len(dead) > 0 { // the join addresses need not name everyone
		targets = append(targets, target{[]string{dead[rand.IntN(len(dead))]}, false})
	}
	reached, err := s.tryAll(ctx, targets)
	failure = errors.Join(failure, err)
	alive, _ = s.table.around()
	for _, t := range targets {
		missing = missing || t.wanted && !s.covers(alive, t.addresses)
	}
	if ctx.Err() == nil {
		s.report(reached, len(alive), failure)
	}
	return missing
}

// some gives members to join once more.
func some(alive map[string]bool) []target {
	var targets []target
	for addr := range alive { // in no order
		if len(targets) == maxReclaims {
			break
		}
		targets = append(targets, target{[]string{addr}, false})
	}
	return targets
}

// seeds asks for the join addresses. Whom it asks knows no ctx, and is left behind when that is done.
func (s *seeker) seeds(ctx context.Context) ([]string, error) {
	if s.ask == nil {
		return nil, nil
	}
	type answer struct {
		addresses []string
		err       error
	}
	answers := make(chan answer, 1)
	go func() {
		addresses, err := s.ask()
		answers <- answer{addresses, err}
	}()
	select {
	case a := <-answers:
		return a.addresses[:min(len(a.addresses), maxJoinAddresses)], a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// covers tells whether one of the addresses is a live member's, or our own.
func (s *seeker) covers(alive map[string]bool, addresses []string) bool {
	for _, a := range addresses {
		if a == s.addr || alive[a] {
			return true
		}
	}
	return false
}

// resolve gives the addresses of a host:port.
func (s *seeker) resolve(ctx context.Context, hostPort string) ([]string, error) {
	if a, err := netip.ParseAddrPort(hostPort); err == nil {
		return []string{netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()}, nil
	}
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := s.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	addresses := make([]string, len(found))
	for i, a := range found {
		addresses[i] = net.JoinHostPort(a.Unmap().String(), port)
	}
	return addresses, nil
}

// tryAll joins the targets, some at a time, and gives how many could be.
func (s *seeker) tryAll(ctx context.Context, targets []target) (int, error) {
	var mu sync.Mutex
	var failure error
	reached := 0
	var tries errgroup.Group
	tries.SetLimit(joinParallel)
	for _, t := range targets {
		tries.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			n, err := s.join(t.addresses)
			if err != nil {
				err = fmt.Errorf("join %s: %s", strings.Join(t.addresses, ", "), oneLine(err))
			}
			mu.Lock()
			defer mu.Unlock()
			reached += n
			failure = errors.Join(failure, err)
			return nil
		})
	}
	_ = tries.Wait() // none gives an error
	return reached, failure
}

// oneLine gives the text of memberlist's errors, which is a list with bullets; it wraps nothing.
func oneLine(err error) string {
	return strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "1 error occurred: * ")
}

// report keeps why nobody was reached, and logs it when it is new.
func (s *seeker) report(reached, alive int, failure error) {
	if reached > 0 || alive > 0 {
		if failure != nil {
			s.logger.Debug("some members are not reached", "error", failure)
		}
		failure = nil
	}
	s.mu.Lock()
	was := s.last
	s.last = failure
	s.mu.Unlock()
	if failure != nil && (was == nil || was.Error() != failure.Error()) {
		s.logger.Warn("no member is reached, trying on", "error", failure)
	}
}
