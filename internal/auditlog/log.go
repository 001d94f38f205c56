// Package auditlog keeps an audit log in files: append-only, each line with a hash over itself and the one before, the
// chain going through all files. What a line is, and how a file is verified, is in internal/auth.
package auditlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/auth"
	"sagasu/internal/obs"
	"sagasu/internal/vfs"
)

var (
	// ErrConfig is returned by Open when something is missing or can't be.
	ErrConfig = errors.New("invalid configuration of the audit log")
	// ErrClosed is returned when the log is closed.
	ErrClosed = errors.New("audit log is closed")
)

// Config configures a Log.
type Config struct {
	FS vfs.FS
	// Dir holds the files; created if missing.
	Dir string
	// Node is named in the first line of every file.
	Node string
	// MaxBytes ends a file, MaxFiles is how many are kept; 0 keeps all.
	MaxBytes int64
	MaxFiles int
	// DenialsPerSecond bounds the denials that are kept, so that nobody fills the disk by being refused; what is left
	// out is counted in a line. DenialBurst is how many may come at once.
	DenialsPerSecond, DenialBurst int
	Now                           func() time.Time
	Logger                        *slog.Logger
	Registry                      prometheus.Registerer
}

// Default gives the defaults; Dir, Node and Logger are to be set.
func Default() Config {
	return Config{
		FS: vfs.OS(), MaxBytes: 64 << 20, MaxFiles: 64, DenialsPerSecond: 100, DenialBurst: 1000, Now: time.Now,
	}
}

// Validate returns ErrConfig naming what is missing or can't be.
func (c *Config) Validate() error {
	switch {
	case c.FS == nil || c.Dir == "" || c.Now == nil || c.Logger == nil:
		return fmt.Errorf("%w: file system, directory, clock and logger are required", ErrConfig)
	case c.MaxBytes < auth.MaxAuditLineBytes:
		return fmt.Errorf("%w: MaxBytes is %d, must be at least %d", ErrConfig, c.MaxBytes, auth.MaxAuditLineBytes)
	case c.MaxFiles < 0 || c.DenialsPerSecond <= 0 || c.DenialBurst <= 0:
		return fmt.Errorf("%w: MaxFiles is %d, DenialsPerSecond %d, DenialBurst %d", ErrConfig, c.MaxFiles,
			c.DenialsPerSecond, c.DenialBurst)
	}
	return nil
}

// Log is an audit log. It may be used concurrently.
type Log struct {
	cfg     Config
	metrics []prometheus.Collector
	records *prometheus.CounterVec

	mu     sync.Mutex
	file   vfs.File
	number int
	bytes  int64
	chain  *auth.Chain
	closed bool
	// tokens is how many denials may be kept at the time of filled, dropped how many were left out since the last.
	tokens  float64
	filled  time.Time
	dropped int
}

// Open begins a new file behind those that are there. One that is broken is told of, in the log and in the first line,
// and does not keep the node from starting.
func Open(cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("make directory of the audit log: %w", err)
	}
	l := &Log{
		cfg: cfg, tokens: float64(cfg.DenialBurst), filled: cfg.Now(),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "audit_records_total", Help: "Records of the audit log's files: kept, dropped (denials past the limit), failed.",
		}, []string{"outcome"}),
	}
	numbers, err := list(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, err
	}
	var tail auth.Tail
	broken := ""
	if len(numbers) > 0 {
		l.number = numbers[len(numbers)-1]
		tail, broken = l.tailOf(l.number)
	}
	l.chain = auth.Begin(tail)
	if err := l.begin(); err != nil {
		return nil, err
	}
	if broken != "" {
		cfg.Logger.Error("the audit log's last file is broken", "file", fileName(l.number-1), "error", broken)
		if err := l.append(auth.Record{
			At: cfg.Now(), Action: "audit.broken", Target: fileName(l.number - 1), Outcome: "broken", Detail: broken,
		}, true); err != nil {
			return nil, err
		}
	}
	l.metrics = []prometheus.Collector{l.records}
	if err := obs.Register(cfg.Registry, l.metrics); err != nil {
		return nil, fmt.Errorf("register metrics of the audit log: %w", err)
	}
	return l, nil
}

// tailOf gives the end of a file, and what is wrong with it.
func (l *Log) tailOf(number int) (auth.Tail, string) {
	data, err := l.cfg.FS.ReadFile(filepath.Join(l.cfg.Dir, fileName(number)))
	if err != nil {
		return auth.Tail{}, err.Error()
	}
	v, err := auth.VerifyLog(bytes.NewReader(data))
	if err != nil {
		return v.Tail, err.Error()
	}
	return v.Tail, ""
}

// begin starts the next file, and forgets those past MaxFiles; if that fails there is no file, and the next record tries
// again. mu is held, or nobody else is there.
func (l *Log) begin() error {
	path := filepath.Join(l.cfg.Dir, fileName(l.number+1))
	file, err := l.cfg.FS.Create(path)
	if err != nil {
		return fmt.Errorf("create audit log %s: %w", path, err)
	}
	before := l.chain.Tail()
	l.number, l.file, l.bytes = l.number+1, file, 0
	line, err := l.chain.First(l.cfg.Now(), l.cfg.Node)
	if err == nil {
		err = l.write(line)
	}
	if err == nil {
		err = l.sync()
	}
	if err == nil {
		err = l.cfg.FS.SyncDir(l.cfg.Dir)
	}
	if err != nil {
		l.chain = auth.Begin(before)
		l.number, l.file = l.number-1, nil
		return fmt.Errorf("begin audit log %s: %w", path, errors.Join(err, file.Close(), l.cfg.FS.Remove(path)))
	}
	return l.forget()
}

// forget removes the files past MaxFiles.
func (l *Log) forget() error {
	if l.cfg.MaxFiles == 0 {
		return nil
	}
	numbers, err := list(l.cfg.FS, l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, number := range numbers[:max(0, len(numbers)-l.cfg.MaxFiles)] {
		old := filepath.Join(l.cfg.Dir, fileName(number))
		if err := l.cfg.FS.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget audit log %s: %w", old, err)
		}
	}
	return nil
}

func (l *Log) write(line []byte) error {
	if _, err := l.file.Write(line); err != nil {
		return fmt.Errorf("write audit log %s: %w", fileName(l.number), err)
	}
	l.bytes += int64(len(line))
	return nil
}

func (l *Log) sync() error {
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync audit log %s: %w", fileName(l.number), err)
	}
	return nil
}

// Append keeps a record of something that was done; durable returns when it is on stable storage.
func (l *Log) Append(r auth.Record, durable bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(r, durable)
}

func (l *Log) append(r auth.Record, durable bool) error {
	if l.closed {
		return ErrClosed
	}
	if l.file == nil {
		if err := l.begin(); err != nil {
			l.records.WithLabelValues("failed").Inc()
			return err
		}
	}
	before := l.chain.Tail()
	line, err := l.chain.Line(r)
	if err == nil {
		err = l.write(line)
	}
	if err != nil {
		// The line may be there in part: the chain goes on in the next file as if it were not.
		l.chain = auth.Begin(before)
	} else if durable {
		err = l.sync()
	}
	if err != nil {
		l.records.WithLabelValues("failed").Inc()
		return errors.Join(err, l.rotate())
	}
	l.records.WithLabelValues("kept").Inc()
	if l.bytes >= l.cfg.MaxBytes {
		return l.rotate()
	}
	return nil
}

// rotate ends the file and begins the next.
func (l *Log) rotate() error {
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return errors.Join(err, l.begin())
}

// Denied keeps a record of something that was refused, unless there are too many of them.
func (l *Log) Denied(r auth.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	l.tokens = min(l.tokens+now.Sub(l.filled).Seconds()*float64(l.cfg.DenialsPerSecond), float64(l.cfg.DenialBurst))
	l.filled = now
	if l.tokens < 1 {
		l.dropped++
		l.records.WithLabelValues("dropped").Inc()
		return nil
	}
	l.tokens--
	if l.dropped > 0 {
		note := auth.Record{
			At: now, Action: "audit.dropped", Outcome: "dropped", Detail: strconv.Itoa(l.dropped) + " denials were left out here",
		}
		if err := l.append(note, false); err != nil {
			return err
		}
		l.dropped = 0
	}
	return l.append(r, false)
}

// Tail gives where the log is.
func (l *Log) Tail() auth.Tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain.Tail()
}

// Close ends the log; everything is on stable storage then.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	obs.Unregister(l.cfg.Registry, l.metrics)
	if l.file == nil {
		return nil
	}
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		return fmt.Errorf("close audit log %s: %w", fileName(l.number), err)
	}
	return nil
}

// fileName is that of a file by its number.
func fileName(number int) string { return fmt.Sprintf("audit-%06d.jsonl", number) }

// list gives the numbers of the files, ascending.
func list(files vfs.FS, dir string) ([]int, error) {
	names, err := files.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list audit logs: %w", err)
	}
	var numbers []int
	for _, name := range names {
		text, ok := strings.CutPrefix(name, "audit-")
		if !ok {
			continue
		}
		if text, ok = strings.CutSuffix(text, ".jsonl"); !ok {
			continue
		}
		if n, err := strconv.Atoi(text); err == nil && n > 0 && fileName(n) == name {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}
