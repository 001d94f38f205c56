package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"sagasu/internal/blob"
)

// Fault is what goes wrong with a call.
type Fault int

// The faults.
const (
	// None lets the call pass.
	None Fault = iota
	// Hang makes the call wait until Release, whatever its context says; so does a dead network share.
	Hang
	// Lose makes a Put or Delete succeed that did nothing.
	Lose
	// Corrupt flips a bit of what is read, or of what is stored.
	Corrupt
	// Truncate ends what is read, or stored, half way, without an error.
	Truncate
	// Unavailable fails with blob.ErrUnavailable.
	Unavailable
	// LoseAnswer does what was asked and fails with blob.ErrUnavailable.
	LoseAnswer
)

// Faulty is a store with faults.
type Faulty struct {
	// Store is the one without.
	Store blob.Store
	// Fault chooses what goes wrong; op is "put", "get", "stat", "list" or "delete", name the object or prefix.
	Fault func(op, name string) Fault

	once     sync.Once
	released chan struct{}
}

var _ blob.Store = (*Faulty)(nil)

// NewFaulty gives a store with faults; Release must be called if any hangs.
func NewFaulty(s blob.Store, fault func(op, name string) Fault) *Faulty {
	return &Faulty{Store: s, Fault: fault, released: make(chan struct{})}
}

// Release lets go of what hangs.
func (f *Faulty) Release() { f.once.Do(func() { close(f.released) }) }

// begin does what is common to all calls.
func (f *Faulty) begin(op, name string) (Fault, error) {
	fault := f.Fault(op, name)
	switch fault {
	case Hang:
		<-f.released
		return fault, fmt.Errorf("%s %s: %w: it hung", op, name, blob.ErrUnavailable)
	case Unavailable:
		return fault, fmt.Errorf("%s %s: %w: injected", op, name, blob.ErrUnavailable)
	}
	return fault, nil
}

func end(fault Fault, err error) error {
	if err == nil && fault == LoseAnswer {
		return fmt.Errorf("%w: the answer was lost", blob.ErrUnavailable)
	}
	return err
}

// Put implements blob.Store.
func (f *Faulty) Put(ctx context.Context, name string, body blob.Body, content blob.Content) error {
	fault, err := f.begin("put", name)
	if err != nil || fault == Lose {
		return err
	}
	if fault == Corrupt || fault == Truncate {
		from, err := body()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(from)
		if err = errors.Join(err, from.Close()); err != nil {
			return err
		}
		data = spoil(fault, data)
		return f.Store.Put(ctx, name, blob.Bytes(data), blob.ContentOf(data))
	}
	return end(fault, f.Store.Put(ctx, name, body, content))
}

// Get implements blob.Store.
func (f *Faulty) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	fault, err := f.begin("get", name)
	if err != nil {
		return nil, 0, err
	}
	body, size, err := f.Store.Get(ctx, name)
	if err != nil || fault != Corrupt && fault != Truncate {
		return body, size, end(fault, err)
	}
	data, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, 0, err
	}
	return io.NopCloser(bytes.NewReader(spoil(fault, data))), size, nil
}

// spoil gives other bytes.
func spoil(fault Fault, data []byte) []byte {
	out := bytes.Clone(data)
	if len(out) == 0 {
		return []byte{1}
	}
	if fault == Truncate {
		return out[:len(out)/2]
	}
	out[len(out)/2] ^= 1 << 3
	return out
}

// Stat implements blob.Store.
func (f *Faulty) Stat(ctx context.Context, name string) (blob.Info, error) {
	fault, err := f.begin("stat", name)
	if err != nil {
		return blob.Info{}, err
	}
	info, err := f.Store.Stat(ctx, name)
	return info, end(fault, err)
}

// List implements blob.Store.
func (f *Faulty) List(ctx context.Context, prefix string, each func(blob.Info) error) error {
	fault, err := f.begin("list", prefix)
	if err != nil {
		return err
	}
	return end(fault, f.Store.List(ctx, prefix, each))
}

// Delete implements blob.Store.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	fault, err := f.begin("delete", name)
	if err != nil || fault == Lose {
		return err
	}
	return end(fault, f.Store.Delete(ctx, name))
}
