package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what a run found.
type report struct {
	Machine string    `json:"machine"`
	Corpus  string    `json:"corpus"`
	Docs    int       `json:"docs"`
	Passes  int       `json:"passes"`
	At      string    `json:"at"`
	Built   []builtBy `json:"built"`
	Rows    []row     `json:"rows"`
}

type builtBy struct {
	Engine string `json:"engine"`
	built
}

// row is one set of questions in all engines.
type row struct {
	File    string    `json:"file"`
	Kind    string    `json:"kind"`
	Queries int       `json:"queries"`
	Engines []summary `json:"engines"`
}

// summary is the distribution of the queries' median times, in microseconds.
type summary struct {
	Engine string  `json:"engine"`
	Mean   float64 `json:"mean_us"`
	P50    float64 `json:"p50_us"`
	P95    float64 `json:"p95_us"`
	P99    float64 `json:"p99_us"`
	// PeakMiB is the most memory that the engine had resident after its passes.
	PeakMiB int `json:"peak_mib"`
	// Algorithm is the fastest of those that the engine has, if it has several.
	Algorithm string `json:"algorithm,omitempty"`
}

func newReport(o *options, docs int) *report {
	return &report{
		Machine: machine(), Corpus: filepath.Base(o.corpus), Docs: docs, Passes: o.passes,
		At: time.Now().UTC().Format(time.RFC3339),
	}
}

// machine names the processor and the kernel.
func machine() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return processor()
	}
	return fmt.Sprintf("%s, %s %s", processor(), runtime.GOOS, strings.TrimSpace(string(kernel)))
}

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for _, line := range strings.Split(string(data), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return fmt.Sprintf("%s, %d cores", strings.Trim(name, "\t :"), runtime.NumCPU())
		}
	}
	return runtime.GOARCH
}

func rowOf(file, kind string, queries int) row { return row{File: file, Kind: kind, Queries: queries} }

// add takes what an engine needed; of its several ways, the fastest by mean remains.
func (r *row) add(s summary) {
	at := slices.IndexFunc(r.Engines, func(have summary) bool { return have.Engine == s.Engine })
	switch {
	case at < 0:
		r.Engines = append(r.Engines, s)
	case s.Mean < r.Engines[at].Mean:
		r.Engines[at] = s
	}
}

// of gives what an engine needed, false if it can't answer such questions.
func (r *row) of(engine string) (summary, bool) {
	at := slices.IndexFunc(r.Engines, func(have summary) bool { return have.Engine == engine })
	if at < 0 {
		return summary{}, false
	}
	return r.Engines[at], true
}

// String is a row for the terminal: mean and p95 per engine.
func (r row) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-26s %-24s", r.File, r.Kind)
	for _, s := range r.Engines {
		fmt.Fprintf(&text, "  %s %.0f/%.0f", s.Engine, s.Mean, s.P95)
	}
	return text.String()
}

// summarise takes of each query the median of its passes.
func summarise(engine string, passes [][]time.Duration) summary {
	n := len(passes[0])
	medians := make([]float64, n)
	of := make([]time.Duration, len(passes))
	sum := 0.0
	for i := range n {
		for p := range passes {
			of[p] = passes[p][i]
		}
		slices.Sort(of)
		medians[i] = float64(of[len(of)/2].Nanoseconds()) / 1000
		sum += medians[i]
	}
	slices.Sort(medians)
	at := func(share float64) float64 { return medians[min(n-1, int(share*float64(n)))] }
	return summary{Engine: engine, Mean: sum / float64(n), P50: at(0.5), P95: at(0.95), P99: at(0.99)}
}

func readBuilt(path string) (built, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return built{}, err
	}
	var b built
	return b, json.Unmarshal(data, &b)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// write leaves the report as JSON, as a table and as a plot.
func (r *report) write(dir string) error {
	return errors.Join(
		writeJSON(filepath.Join(dir, "peers.json"), r),
		os.WriteFile(filepath.Join(dir, "peers.md"), []byte(r.markdown()), 0o644),
		os.WriteFile(filepath.Join(dir, "peers.svg"), []byte(r.plot()), 0o644),
	)
}

// markdown puts ratios first: how many times as long as the first engine each takes.
func (r *report) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %d documents of %s\n\n%s; %d passes; %s.\n\n", r.Docs, r.Corpus, r.Machine, r.Passes, r.At)
	if len(r.Rows) == 0 || len(r.Built) == 0 {
		return text.String()
	}
	first := r.Built[0].Engine
	fmt.Fprintf(&text, "Times as long as %s, mean / p50 / p95 / p99; over 1 is slower than %[1]s; - is a question that the\n"+
		"engine can't be asked.\n\n", first)
	r.table(&text, func(row *row, s summary) string {
		base, ok := row.of(first)
		if !ok {
			return "-"
		}
		return fmt.Sprintf("%.2f / %.2f / %.2f / %.2f", s.Mean/base.Mean, s.P50/base.P50, s.P95/base.P95, s.P99/base.P99)
	})
	text.WriteString("\nMicroseconds, mean / p50 / p95 / p99.\n\n")
	r.table(&text, func(_ *row, s summary) string {
		times := fmt.Sprintf("%.0f / %.0f / %.0f / %.0f", s.Mean, s.P50, s.P95, s.P99)
		return strings.TrimSpace(times + " " + s.Algorithm)
	})
	text.WriteString("\nMiB resident at most, searching.\n\n")
	r.table(&text, func(_ *row, s summary) string { return fmt.Sprint(s.PeakMiB) })
	text.WriteString("\n| engine | version | build s | documents/s | size MB | peak MiB |\n|---|---|---|---|---|---|\n")
	for _, b := range r.Built {
		fmt.Fprintf(&text, "| %s | %s | %.1f | %.0f | %.1f | %d |\n", b.Engine, b.Version, b.Seconds,
			float64(b.Docs)/b.Seconds, float64(b.Bytes)/1e6, b.PeakMiB)
	}
	return text.String()
}

// table writes a cell for each set and engine.
func (r *report) table(text *strings.Builder, cell func(row *row, s summary) string) {
	text.WriteString("| queries | kind |")
	for _, b := range r.Built {
		fmt.Fprintf(text, " %s |", b.Engine)
	}
	text.WriteString("\n" + strings.Repeat("|---", len(r.Built)+2) + "|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(text, "| %s | %s |", row.File, row.Kind)
		for _, b := range r.Built {
			value := "-"
			if s, ok := row.of(b.Engine); ok {
				value = cell(row, s)
			}
			fmt.Fprintf(text, " %s |", value)
		}
		text.WriteString("\n")
	}
}
