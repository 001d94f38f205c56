package analysis

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold removes differences of case from a word in form KC by full case folding (ß becomes ss, a final
// sigma any sigma), and leaves it in form KC.
func fold(word string) string {
	if !mayHaveCase(word) {
		return word
	}
	caser := cases.Fold()
	// Lower case first, for the caser swaps the cases of Cherokee and parts the dot from İ. Composing may
	// bring forth a letter that has case, hence more than once.
	for range maxFolds {
		folded := norm.NFKC.String(caser.String(strings.ToLower(word)))
		if folded == word {
			break
		}
		word = folded
	}
	return word
}

// mayHaveCase rules out the scripts from Han to Yi, which are most of what is not ASCII.
func mayHaveCase(word string) bool {
	for _, r := range word {
		if r < 0x2e80 || r >= 0xa640 {
			return true
		}
	}
	return false
}
