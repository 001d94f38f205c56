package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// hot is the keys that several clients replace by compare and set, with what each client saw.
type hot struct {
	session *session

	mu      sync.Mutex
	history map[string][]porcupine.Operation
}

func newHot(s *session) *hot {
	h := &hot{session: s, history: map[string][]porcupine.Operation{}}
	for i := range hotKeys {
		h.history[fmt.Sprintf("hot%d", i)] = nil
	}
	return h
}

func (h *hot) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.history[id]
	return ok
}

// play is a client: it reads, or replaces the version that it saw last, until ctx ends.
func (h *hot) play(ctx context.Context, client int) {
	random := rand.New(rand.NewPCG(h.session.cfg.seed, uint64(client)+100))
	known := map[string]uint64{}
	ticker := time.NewTicker(hotEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		id := fmt.Sprintf("hot%d", random.IntN(hotKeys))
		// What has begun is seen to its end.
		ctx := context.WithoutCancel(ctx)
		if random.IntN(3) == 0 {
			known[id] = h.get(ctx, client, id, known[id])
		} else {
			known[id] = h.set(ctx, client, id, known[id])
		}
	}
}

// get reads a key and gives its version.
func (h *hot) get(ctx context.Context, client int, id string, known uint64) uint64 {
	call := h.clock()
	got, err := h.session.read(ctx, id)
	if err != nil {
		return known // a read without an answer says nothing
	}
	h.note(id, porcupine.Operation{
		ClientId: client, Input: move{}, Call: call, Return: h.clock(),
		Output: seenMove{version: got.version, value: got.serial},
	})
	return got.version
}

// set replaces the version known, and gives the present one.
func (h *hot) set(ctx context.Context, client int, id string, known uint64) uint64 {
	a := attempt{kind: kindReplaceIf, serial: h.session.serial.Add(1), ifVersion: &known}
	call := h.clock()
	r := h.session.send(ctx, id, a)
	h.session.tally.wrote(r, time.Duration(h.clock()-call))
	out := seenMove{version: r.result.Version, conflict: r.outcome == conflict, unknown: r.outcome == unknown}
	end := h.clock()
	switch r.outcome {
	case refused:
		h.session.tally.violation("compare and set of %s was refused: %s", id, r.detail)
		return known
	case unknown:
		end = forever
	}
	h.note(id, porcupine.Operation{
		ClientId: client, Input: move{set: true, ifVersion: known, value: a.serial}, Call: call, Output: out, Return: end,
	})
	if r.outcome == unknown {
		return known
	}
	return r.result.Version
}

func (h *hot) clock() int64 { return int64(time.Since(h.session.started)) }

func (h *hot) note(id string, o porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history[id] = append(h.history[id], o)
}

// judge gives how many operations there were, and what is wrong with their histories.
func (h *hot) judge() (operations int, errs []error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, history := range h.history {
		operations += len(history)
		switch porcupine.CheckOperationsTimeout(register(), clients(history), judgeTimeout) {
		case porcupine.Illegal:
			errs = append(errs, fmt.Errorf("the history of %s, %d operations, is not linearizable", id, len(history)))
		case porcupine.Unknown:
			errs = append(errs, fmt.Errorf("the history of %s, %d operations, was not judged in %s",
				id, len(history), judgeTimeout))
		}
	}
	return operations, errs
}
