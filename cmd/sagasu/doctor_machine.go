package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sagasu/api"
)

// What a node needs of its machine.
const (
	// leastFiles is the number of files and connections a node may have open: each shard maps some dozens.
	leastFiles = 65_536
	// leastMaps is the number of mapped files; a segment is one.
	leastMaps = 262_144
	// leastFreePercent is the free disk below which replicas are no longer placed on a node.
	leastFreePercent = 15
	// slowSync is a write to stable storage that acknowledgements would suffer from.
	slowSync = 20 * time.Millisecond
	// syncTries is the number of writes that are timed.
	syncTries = 20
	// maxSkew is the difference of clocks above which times in logs mislead.
	maxSkew = time.Second
)

// machineFindings looks at the machine the command runs on.
func machineFindings(dataDir string) []finding {
	found := []finding{filesFinding(), mapsFinding()}
	if dataDir == "" {
		return found
	}
	if _, err := os.Stat(dataDir); err != nil {
		return append(found, fault("data directory", "name the directory that the node was started with", "%v", err))
	}
	return append(found, spaceFinding(dataDir), syncFinding(dataDir))
}

func filesFinding() finding {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return warn("open files", "look at ulimit -n", "can't tell: %v", err)
	}
	if limit.Max < leastFiles {
		return warn("open files", fmt.Sprintf("raise the limit to %d (ulimit -n, LimitNOFILE, or the container's ulimits)",
			leastFiles), "at most %d", limit.Max)
	}
	return ok("open files", "at most %d", limit.Max)
}

func mapsFinding() finding {
	const path = "/proc/sys/vm/max_map_count"
	data, err := os.ReadFile(path)
	n, convErr := strconv.Atoi(strings.TrimSpace(string(data)))
	if err = errors.Join(err, convErr); err != nil {
		return ok("mapped files", "no limit known on this system")
	}
	if n < leastMaps {
		remedy := fmt.Sprintf("sysctl -w vm.max_map_count=%d, for a node with hundreds of shards", leastMaps)
		return warn("mapped files", remedy, "at most %d", n)
	}
	return ok("mapped files", "at most %d", n)
}

func spaceFinding(dir string) finding {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 {
		return warn("disk space", "look at df", "can't tell for %s: %v", dir, err)
	}
	free := 100 * s.Bavail / s.Blocks
	size := byteSize(int64(s.Bavail) * s.Bsize)
	if free < leastFreePercent {
		return fault("disk space", "free space, or add nodes: below this no replicas are placed here", "%d%% free, %s",
			free, size)
	}
	return ok("disk space", "%d%% free, %s", free, size)
}

// syncFinding times writes to stable storage, which every acknowledgement waits for.
func syncFinding(dir string) finding {
	took, err := timeSyncs(dir)
	if err != nil {
		return fault("disk writes", "the node must be able to write there: see the directory's owner and mount", "%v", err)
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	text := fmt.Sprintf("4 KiB to stable storage takes %v, at worst %v of %d",
		median.Round(10*time.Microsecond), worst.Round(10*time.Microsecond), len(took))
	if median > slowSync {
		return warn("disk writes", "use a local SSD: every write is acknowledged after one of these on most replicas",
			"%s", text)
	}
	return ok("disk writes", "%s", text)
}

func timeSyncs(dir string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(filepath.Join(dir, filepath.Base(f.Name())))) }()
	block := make([]byte, 4096)
	for range syncTries {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// nodeFindings asks one node: its front end, its clock, its port for other nodes.
func nodeFindings(ctx context.Context, n api.NodeInfo) []finding {
	check := "node " + n.ID
	if n.Status != "alive" {
		return []finding{fault(check, "start it again, or take it out with: sagasu nodes remove "+n.ID, "is %s", n.Status)}
	}
	var found []finding
	if n.RPC != "" {
		conn, err := net.DialTimeout("tcp", n.RPC, doctorTimeout)
		if err != nil {
			return []finding{fault(check, "open the port between the nodes, or set --advertise-host there", "rpc port: %v", err)}
		}
		if err := conn.Close(); err != nil {
			found = append(found, warn(check, "look at the network", "rpc port: %v", err))
		}
	}
	skew, err := clockSkew(ctx, n.HTTP)
	switch {
	case err != nil:
		return append(found, warn(check, "open its HTTP port from here, or look at its log", "front end at %s: %v",
			n.HTTP, err))
	case skew.Abs() > maxSkew:
		return append(found, warn(check, "synchronise the clocks (chrony, systemd-timesyncd)", "its clock differs by %v",
			skew.Round(time.Second)))
	}
	return append(found, ok(check, "is reached at %s and %s", orDash(n.RPC), n.HTTP))
}

// clockSkew compares a node's clock, by the date of an answer, with this machine's. Dates are whole seconds.
func clockSkew(ctx context.Context, addr string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	if err := resp.Body.Close(); err != nil {
		return 0, err
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("it gives no date: %w", err)
	}
	difference := time.Until(date)
	// The date was cut to the second below.
	if difference < 0 {
		difference = min(0, difference+time.Second)
	}
	return difference, nil
}
