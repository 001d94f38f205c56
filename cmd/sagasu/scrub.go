package main

import (
	"fmt"
	"strconv"
	"time"

	"sagasu/coordinator"
)

// megabyte is what scrub-rate and merge-rate count in, as makers of disks do.
const megabyte = 1_000_000

// maxScrubRate is more than disks read or write.
const maxScrubRate = 100_000

// scrubSettings say how often and how fast a node verifies the files it has open, and how fast it merges them.
func scrubSettings() []setting {
	defaults := coordinator.Default()
	return []setting{
		{
			"scrub-every", fmt.Sprintf("%.0fh", defaults.ScrubEvery.Hours()), "how long an index rests between two times " +
				"that its files are verified; 0 is never", checkRest,
		},
		{
			"scrub-rate", strconv.Itoa(defaults.ScrubBytesPerSecond / megabyte), "MB per second that the node reads at " +
				"most to verify files", checkScrubRate,
		},
		{
			"merge-rate", "0", "MB per second that merges of segments write at most; 0 is as fast as they can", checkMergeRate,
		},
	}
}

// configureScrub takes the settings over.
func configureScrub(conf *configuration, cfg *coordinator.Config) error {
	var err error
	if cfg.ScrubEvery, err = conf.duration("scrub-every"); err != nil {
		return err
	}
	rate, err := conf.count("scrub-rate")
	if err != nil {
		return err
	}
	cfg.ScrubBytesPerSecond = rate * megabyte
	rate, err = conf.count("merge-rate")
	cfg.MergeBytesPerSecond = rate * megabyte
	return err
}

func checkRest(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d < 0 {
		return fmt.Errorf("%q is no duration from 0 on such as 24h", v)
	}
	return nil
}

func checkScrubRate(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > maxScrubRate {
		return fmt.Errorf("%q is no number of 1 to %d", v, maxScrubRate)
	}
	return nil
}

func checkMergeRate(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > maxScrubRate {
		return fmt.Errorf("%q is no number of 0 to %d", v, maxScrubRate)
	}
	return nil
}
