package consensus

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// crashDir names, in the environment of a child, the directory it is to write in until it is killed.
const crashDir = "CONSENSUS_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeForEver proposes commands and prints each payload that was acknowledged.
func writeForEver(dir string) error {
	g, err := Open(soloConfig(dir), &journal{})
	if err != nil {
		return err
	}
	for !g.IsLeader() {
		<-g.LeaderChanges()
	}
	base := g.AppliedIndex()
	errs := make(chan error)
	for writer := range 4 {
		go func() {
			for i := 0; ; i++ {
				payload := fmt.Sprintf("%d-%d-%d", base, writer, i)
				if _, _, err := g.Propose(context.Background(), command(payload)); err != nil {
					errs <- err
					return
				}
				fmt.Println(payload) // one write call a line
			}
		}()
	}
	return <-errs
}

// Killed at any moment, a replica has every command it acknowledged, once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 6 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 20+37*round && lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
		}
		require.NoError(t, child.Process.Kill())
		for lines.Scan() { // what was acknowledged before the kill came
			acknowledged = append(acknowledged, lines.Text())
		}
		require.Error(t, child.Wait(), "the child must have been killed")

		m := &journal{}
		g := openSolo(t, soloConfig(dir), m)
		require.NoError(t, g.ReadBarrier(t.Context()))
		require.NoError(t, g.Close())
		times := map[string]int{}
		for _, payload := range m.payloads() {
			times[payload]++
		}
		for _, payload := range acknowledged {
			require.Equal(t, 1, times[payload], "command %s", payload)
		}
	}
	require.Greater(t, len(acknowledged), 600)
}
