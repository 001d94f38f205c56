package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// lineEvery is the time between lines of progress where there is no terminal.
const lineEvery = 5 * time.Second

// progress tells how far a load is: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	out io.Writer
	// bar is nil without a terminal.
	bar     *progressbar.ProgressBar
	started time.Time
	told    time.Time
	// size is the input's, -1 if unknown; read is how much of it is written, pending how much is in the
	// next request; all in bytes.
	size    int64
	read    int64
	pending int
	items   int
}

func newProgress(out io.Writer, size int64) *progress {
	p := &progress{out: out, size: size, started: time.Now(), told: time.Now()}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("loading"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	return p
}

// add notes that what was pending is written, as so many items.
func (p *progress) add(items int) error {
	p.items += items
	p.read += int64(p.pending)
	p.pending = 0
	if p.bar != nil {
		p.bar.Describe(fmt.Sprintf("%d documents, %.0f/s", p.items, p.rate()))
		return p.bar.Set64(p.read)
	}
	if time.Since(p.told) < lineEvery {
		return nil
	}
	p.told = time.Now()
	return p.line()
}

func (p *progress) rate() float64 {
	return float64(p.items) / max(time.Since(p.started).Seconds(), 1e-3)
}

func (p *progress) line() error {
	left := ""
	if p.size > 0 && p.read > 0 {
		eta := time.Duration(float64(time.Since(p.started)) * float64(p.size-p.read) / float64(p.read))
		left = fmt.Sprintf(", %d %%, %s left", 100*p.read/p.size, eta.Round(time.Second))
	}
	_, err := fmt.Fprintf(p.out, "%d documents, %.0f/s%s\n", p.items, p.rate(), left)
	return err
}

// finish ends the bar, or prints a last line.
func (p *progress) finish() error {
	if p.bar == nil {
		return p.line()
	}
	if err := p.bar.Exit(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.out)
	return err
}
