package segment

import "bytes"

// mergeKeys calls each with every key of the entries, ascending, and with which of them hold it. They stand at the key
// until each returns.
func mergeKeys(entries []Entries, each func(key []byte, holders []int) error) error {
	left := make([]bool, len(entries))
	advance := func(i int) error {
		if left[i] = entries[i].Next(); left[i] {
			return nil
		}
		return entries[i].Err()
	}
	for i := range entries {
		if err := advance(i); err != nil {
			return err
		}
	}
	var key []byte
	var holders []int
	for {
		holders = holders[:0]
		for i, e := range entries {
			if !left[i] {
				continue
			}
			order := -1
			if len(holders) > 0 {
				order = bytes.Compare(e.Key(), entries[holders[0]].Key())
			}
			if order < 0 {
				holders = holders[:0]
			}
			if order <= 0 {
				holders = append(holders, i)
			}
		}
		if len(holders) == 0 {
			return nil
		}
		key = append(key[:0], entries[holders[0]].Key()...)
		if err := each(key, holders); err != nil {
			return err
		}
		for _, i := range holders {
			if err := advance(i); err != nil {
				return err
			}
		}
	}
}
