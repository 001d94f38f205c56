package fusion_test

import (
	"fmt"
	"testing"

	"sagasu/fusion"
)

// twoLegs makes two legs of 100 hits, half of them in both.
func twoLegs() []fusion.Leg {
	legs := []fusion.Leg{{Name: "sparse", Weight: 1}, {Name: "dense", Weight: 1}}
	for i := range 100 {
		legs[0].Entries = append(legs[0].Entries, fusion.Entry{ID: fmt.Sprint("doc-", i), Score: float64(100 - i)})
		legs[1].Entries = append(legs[1].Entries, fusion.Entry{ID: fmt.Sprint("doc-", 149-i), Score: 1 / float64(i+1)})
	}
	return legs
}

func BenchmarkRRF(b *testing.B) {
	legs := twoLegs()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fusion.RRF(legs, fusion.DefaultK, 100); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRelativeScore(b *testing.B) {
	legs := twoLegs()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fusion.RelativeScore(legs, 100); err != nil {
			b.Fatal(err)
		}
	}
}
