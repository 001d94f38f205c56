package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// engine is one contender.
type engine struct {
	name string
	// command starts it; build and run follow with their arguments.
	command []string
	// buildArgs follow those of build.
	buildArgs []string
	// env is added to this process's environment.
	env []string
	// lengths says how it keeps the lengths of documents: exact, or rounded to a byte as Lucene does.
	lengths lengths
	// factor is what its scores are of the plain formula's.
	factor float64
	// unscored engines rank by another formula: only their counts are held against the reference.
	unscored bool
	// floored engines weigh a term by log((N-n+0.5)/(n+0.5)), at least 1e-6, as PISA does.
	floored bool
	// answers tells whether it can answer a question; nil is yes to all.
	answers func(q *question) bool
	// choices are entries of the environment, one of each way in which it can answer a question; nil is one way
	// without an entry. All are measured, the fastest is reported.
	choices func(q *question) []string
}

// ways gives the environment entries of each way to answer a question; none if the engine can't.
func (e *engine) ways(q *question) []string {
	if e.answers != nil && !e.answers(q) {
		return nil
	}
	if e.choices == nil {
		return []string{""}
	}
	return e.choices(q)
}

// built is what building an index took.
type built struct {
	Docs    int     `json:"docs"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Version string  `json:"version"`
	// PeakMiB is the most memory that building took.
	PeakMiB int `json:"peak_mib"`
}

// build makes the index.
func (e *engine) build(corpus, dir string) (built, error) {
	if err := os.RemoveAll(dir); err != nil {
		return built{}, err
	}
	args := slices.Concat(e.command[1:], []string{"build", corpus, dir}, e.buildArgs)
	cmd := exec.Command(e.command[0], args...)
	cmd.Env = append(os.Environ(), e.env...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return built{}, fmt.Errorf("build index of %s: %w: %s", e.name, err, tail(complaints.String()))
	}
	var b built
	if err := json.Unmarshal(bytes.TrimSpace(out), &b); err != nil {
		return built{}, fmt.Errorf("build index of %s: bad answer %q: %w", e.name, out, err)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		b.PeakMiB = int(usage.Maxrss >> 10)
	}
	return b, nil
}

// runner is an engine that answers one set of questions.
type runner struct {
	engine *engine
	way    string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
}

// run starts the engine on the questions of a file, in one of its ways.
func (e *engine) run(dir, questions, way string) (*runner, error) {
	r := &runner{engine: e, way: way}
	args := slices.Concat(e.command[1:], []string{"run", dir, questions})
	r.cmd = exec.Command(e.command[0], args...)
	r.cmd.Env = append(os.Environ(), e.env...)
	if way != "" {
		r.cmd.Env = append(r.cmd.Env, way)
	}
	r.cmd.Stderr = &r.errors
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReaderSize(out, 1<<20)
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", e.name, err)
	}
	return r, nil
}

// line asks for something and gives the answer's next line.
func (r *runner) line() (string, error) {
	line, err := r.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", r.engine.name, err, tail(r.errors.String()))
	}
	return strings.TrimSpace(line), nil
}

// pass runs every question once and gives the time of each.
func (r *runner) pass(n int) ([]time.Duration, error) {
	if _, err := io.WriteString(r.in, "pass\n"); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", r.engine.name, err, tail(r.errors.String()))
	}
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(line)
	if len(fields) != n {
		return nil, fmt.Errorf("%s timed %d questions of %d", r.engine.name, len(fields), n)
	}
	times := make([]time.Duration, n)
	for i, f := range fields {
		nanos, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: bad time: %w", r.engine.name, err)
		}
		times[i] = time.Duration(nanos)
	}
	return times, nil
}

// answer is what an engine found.
type answer struct {
	// count is the number of matches, -1 if it was not asked for.
	count int
	hits  []scored
}

type scored struct {
	number int
	score  float64
}

// check gives the answers to all questions.
func (r *runner) check(n int) ([]answer, error) {
	if _, err := io.WriteString(r.in, "check\n"); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", r.engine.name, err, tail(r.errors.String()))
	}
	var answers []answer
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if line == "end" {
			break
		}
		a, err := parseAnswer(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.engine.name, err)
		}
		answers = append(answers, a)
	}
	if len(answers) != n {
		return nil, fmt.Errorf("%s answered %d questions of %d", r.engine.name, len(answers), n)
	}
	return answers, nil
}

func parseAnswer(line string) (answer, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return answer{}, errors.New("empty answer")
	}
	count, err := strconv.Atoi(fields[0])
	if err != nil {
		return answer{}, fmt.Errorf("bad count: %w", err)
	}
	a := answer{count: count}
	for _, f := range fields[1:] {
		number, score, _ := strings.Cut(f, ":")
		var s scored
		if s.number, err = strconv.Atoi(number); err != nil {
			return answer{}, fmt.Errorf("bad hit %q: %w", f, err)
		}
		if s.score, err = strconv.ParseFloat(score, 64); err != nil {
			return answer{}, fmt.Errorf("bad hit %q: %w", f, err)
		}
		a.hits = append(a.hits, s)
	}
	return a, nil
}

// peak is the most memory, in MiB, that the engine has had resident since it started.
func (r *runner) peak() (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of %s: %w", r.engine.name, err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(size, "kB")))
			return kib >> 10, err
		}
	}
	return 0, fmt.Errorf("read memory of %s: /proc names no peak", r.engine.name)
}

// close ends the engine.
func (r *runner) close() error {
	if err := r.in.Close(); err != nil {
		return err
	}
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", r.engine.name, err, tail(r.errors.String()))
	}
	return nil
}

// tail is the end of what a process complained about.
func tail(text string) string {
	const most = 2000
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-most):]
}
