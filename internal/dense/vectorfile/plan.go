package vectorfile

// uncovered gives the number of files that the next merge leaves alone, of files with that many records each,
// oldest first; it covers those behind them, if they are at least two. The newest are merged while each has not
// many more records than those behind it, so that there is a logarithmic number of files and each record is
// rewritten a logarithmic number of times; all are once most records are obsolete. Files from number forced on
// are covered in any case.
func uncovered(records []int, live, forced int) int {
	total := 0
	for _, n := range records {
		total += n
	}
	if total > 2*live+MergeFloor {
		return 0
	}
	keep, behind := len(records), 0
	for keep > 0 {
		n := records[keep-1]
		if keep < len(records) && n > mergeFactor*behind && n >= MergeFloor && keep <= forced {
			break
		}
		behind += n
		keep--
	}
	return keep
}
