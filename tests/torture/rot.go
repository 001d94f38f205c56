package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sagasu/tests/cluster"
)

// rotten is a file of which bits were flipped.
type rotten struct {
	path string
	info os.FileInfo
	bits int
}

// rots counts what became of the flipped bits.
type rots struct {
	mu sync.Mutex
	// bits were flipped in files, of which so many were repaired: found, set aside, and the replica built from another
	// copy. The others had been replaced by newer ones before anybody read them again.
	bits, files, repaired, moot int
	longest                     time.Duration
}

func (r *rots) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("flipped bits: %d in %d files; %d files found damaged and their replicas repaired, %d replaced before "+
		"they were read again, longest time to be whole %.1fs\n", r.bits, r.files, r.repaired, r.moot, r.longest.Seconds())
}

// replicaDirs gives the directories of a node's replicas that it is to suffer in: those it leads, or all.
func (s *session) replicaDirs(ctx context.Context, f fault, n *cluster.Node) ([]string, error) {
	var dirs []string
	for _, name := range []string{index, corpusIndex} {
		shards, err := s.client.Shards(ctx, s.gateways[s.inUse()].URL(), name)
		if err != nil {
			return nil, err
		}
		for _, shard := range shards {
			if f.leader == (shard.Leader == n.ID()) {
				dirs = append(dirs, filepath.Join(n.DataDir(), "indexes", shard.Shard))
			}
		}
	}
	return dirs, nil
}

// flip flips some bits of one file of each replica, in place.
func (s *session) flip(random *rand.Rand, dirs []string) ([]rotten, error) {
	var out []rotten
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "sparse", "*.seg"))
		if err != nil {
			return nil, err
		}
		// Few bits of an index are of its manifest.
		if manifest := filepath.Join(dir, "sparse", "MANIFEST"); random.IntN(4) == 0 || len(files) == 0 {
			files = []string{manifest}
		}
		of, err := flipSome(random, files[random.IntN(len(files))])
		if errors.Is(err, os.ErrNotExist) {
			continue // it has nothing on disk yet, or the file was merged away just now
		}
		if err != nil {
			return nil, err
		}
		out = append(out, of)
		s.rots.mu.Lock()
		s.rots.bits += of.bits
		s.rots.files++
		s.rots.mu.Unlock()
	}
	return out, nil
}

func flipSome(random *rand.Rand, path string) (rotten, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return rotten{}, err
	}
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return rotten{}, errors.Join(err, f.Close())
	}
	of := rotten{path: path, info: info, bits: 1 + random.IntN(8)}
	// Distinct bytes, so that no flip undoes another.
	at := map[int64]bool{}
	for len(at) < min(of.bits, int(info.Size())) {
		at[random.Int64N(info.Size())] = true
	}
	for _, offset := range slices.Sorted(keysOf(at)) {
		one := make([]byte, 1)
		_, err := f.ReadAt(one, offset)
		if err == nil {
			one[0] ^= 1 << random.IntN(8)
			_, err = f.WriteAt(one, offset)
		}
		if err != nil {
			return rotten{}, errors.Join(err, f.Close())
		}
	}
	return of, f.Close()
}

func keysOf(m map[int64]bool) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// fate tells what became of a file: aside, gone (replaced before it was read), or there still.
func (r rotten) fate() string {
	same := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && os.SameFile(info, r.info)
	}
	dir, name := filepath.Dir(filepath.Dir(r.path)), filepath.Base(r.path)
	switch {
	case same(filepath.Join(dir, "damaged", "sparse", name)):
		return "aside"
	case same(r.path):
		return "there"
	}
	return "gone"
}

// awaitRepair returns when no flipped file is in use any more, and counts what became of each.
func (s *session) awaitRepair(ctx context.Context, all []rotten) error {
	began := time.Now()
	for {
		there := slices.IndexFunc(all, func(r rotten) bool { return r.fate() == "there" })
		if there < 0 {
			break
		}
		if time.Since(began) > greenTimeout {
			return fmt.Errorf("%s was damaged %s ago, and nobody has found it", all[there].path, greenTimeout)
		}
		if !pause(ctx, time.Second/20) {
			return ctx.Err()
		}
	}
	s.rots.mu.Lock()
	defer s.rots.mu.Unlock()
	for _, r := range all {
		if r.fate() == "aside" {
			s.rots.repaired++
		} else {
			s.rots.moot++
		}
	}
	return nil
}

// rot flips bits of files of a node: while it serves, or after it was killed.
func (s *session) rot(ctx context.Context, f fault, n *cluster.Node) error {
	random := rand.New(rand.NewPCG(s.cfg.seed, uint64(f.pick)))
	dirs, err := s.replicaDirs(ctx, f, n)
	if err != nil {
		return err
	}
	began := time.Now()
	if f.injury == injuryFlip {
		all, err := s.flip(random, dirs)
		if err != nil {
			return err
		}
		err = s.awaitRepair(ctx, all)
		s.whole(began)
		return err
	}
	if err := n.Kill(); err != nil {
		return err
	}
	all, err := s.flip(random, dirs)
	if err := errors.Join(err, n.Start()); err != nil {
		return err
	}
	if err := n.WaitReady(ctx); err != nil {
		return err
	}
	err = s.awaitRepair(ctx, all)
	s.whole(began)
	return err
}

// whole notes how long it took since bits were flipped.
func (s *session) whole(began time.Time) {
	s.rots.mu.Lock()
	defer s.rots.mu.Unlock()
	s.rots.longest = max(s.rots.longest, time.Since(began))
}

// rotArgs has nodes verify their files all the time.
func rotArgs(c config) []string {
	if !c.rots() {
		return nil
	}
	return strings.Fields("--scrub-every 500ms --scrub-rate 50")
}
