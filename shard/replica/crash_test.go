package replica

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// crashDir, set in the environment, turns the test binary into the process that is killed.
const crashDir = "SAGASU_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// crashConfig flushes and merges often, so that a kill may hit any of it.
func crashConfig(dir string) Config {
	cfg := testConfig(dir, denseSchema())
	cfg.Embedder = serve(&scriptedEmbedder{})
	cfg.FlushBytes = 64 << 10
	cfg.SnapshotEvery = 100
	return cfg
}

// writeUntilKilled writes from several goroutines and prints a line "goroutine document round" after
// each acknowledgement; round -1 stands for a delete.
func writeUntilKilled(dir string, out io.Writer) error {
	r, err := Open(crashConfig(dir))
	if err != nil {
		return err
	}
	if err := r.Ready(context.Background()); err != nil {
		return err
	}
	round := 0
	if text := os.Getenv(crashDir + "_ROUND"); text != "" {
		if round, err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make(chan error, crashWriters)
	for g := range crashWriters {
		wg.Go(func() {
			for n := round; ; n++ {
				doc := n % 50
				id := fmt.Sprintf("%d-%d", g, doc)
				w := put(id, crashText(g, n))
				if crashMark(n) < 0 {
					w = remove(id)
				}
				if _, err := write(context.Background(), r, w); err != nil {
					errs <- err
					return
				}
				mu.Lock()
				_, err := fmt.Fprintf(out, "%d %d %d %d\n", g, doc, crashMark(n), n)
				mu.Unlock()
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	return <-errs
}

const crashWriters = 6

func crashText(g, n int) string {
	return fmt.Sprintf("writer%d round%d %s", g, n, strings.Repeat("filling words ", 20))
}

// ledger is what the writing process told before it was killed.
type ledger struct {
	// round[id] is the round of a document's last acknowledged write, negative for a delete.
	round map[string]int
	// last[g] is the last acknowledged round of each goroutine: its next may have happened or not.
	last map[int]int
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	l := &ledger{round: map[string]int{}, last: map[int]int{}}
	next := 0
	for kill, lines := range []int{300, 700, 500} {
		next = runAndKill(t, dir, next, lines, l)
		checkAcknowledged(t, dir, kill, l)
	}
}

// runAndKill starts the writing process, kills it after some acknowledgements, and notes what it had
// acknowledged by then. It returns a round no goroutine has begun.
func runAndKill(t *testing.T, dir string, round, lines int, l *ledger) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashDir+"_ROUND="+strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for g := range crashWriters {
		l.last[g] = round - 1
	}
	scanner := bufio.NewScanner(out)
	killed := false
	for n := 0; scanner.Scan(); n++ {
		var g, doc, mark, begun int
		_, err := fmt.Sscanf(scanner.Text(), "%d %d %d %d", &g, &doc, &mark, &begun)
		require.NoError(t, err)
		l.round[fmt.Sprintf("%d-%d", g, doc)] = mark
		l.last[g] = begun
		round = max(round, begun)
		if n == lines {
			require.NoError(t, cmd.Process.Kill())
			killed = true
		}
	}
	require.True(t, killed, "it ended before it was killed")
	require.Error(t, cmd.Wait(), "it was killed")
	return round + 2
}

// checkAcknowledged opens the replica and holds it against the ledger. The write of each goroutine
// that was under way at the kill may be there or not; what is found becomes the ledger's.
func checkAcknowledged(t *testing.T, dir string, kill int, l *ledger) {
	t.Helper()
	r := openReplica(t, crashConfig(dir))
	defer func() { require.NoError(t, r.Close()) }()
	underWay := map[string]int{}
	for g, last := range l.last {
		underWay[fmt.Sprintf("%d-%d", g, (last+1)%50)] = crashMark(last + 1)
	}
	for id, round := range l.round {
		stored, err := r.Fetch(testContext(t), []string{id})
		require.NoError(t, err)
		found := -1
		if len(stored) == 1 {
			_, err := fmt.Sscanf(string(stored[0].Source), `{"text":"writer`+id[:1]+` round%d `, &found)
			require.NoError(t, err)
		}
		if next, ok := underWay[id]; ok && found == next {
			l.round[id] = found
			continue
		}
		require.Equal(t, round, found, "kill %d: document %s", kill, id)
	}
	require.NoError(t, r.WaitDense(testContext(t), r.machine.version.Load()))
	keys, err := r.ListKeys(testContext(t), "", 1000)
	require.NoError(t, err)
	for _, k := range keys {
		require.Equal(t, k.Version, k.Vectors[0].Version, "kill %d: vector of document %s", kill, k.ID)
	}
	t.Logf("kill %d: %d documents as acknowledged, %d log entries replayed", kill, len(l.round), r.AppliedEntries())
	require.LessOrEqual(t, r.AppliedEntries(), uint64(400), "only the tail is replayed")
}

// crashMark is what the ledger says of a round's write.
func crashMark(round int) int {
	if round%7 == 3 {
		return -1
	}
	return round
}
