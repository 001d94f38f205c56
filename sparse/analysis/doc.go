// Package analysis turns text into terms. It is pure: the same text gives the same tokens, on every
// machine, and nothing is read but the dictionary that is compiled in.
//
// Every analyzer first brings the text into normalization form KC, which folds width (ｶﾞ to ガ, Ａ to A), and
// lower-cases its terms. A token's offsets are those of the original text. The analyzers:
//
//   - standard: words by Unicode Standard Annex 29; Han and Hiragana come character by character.
//   - english: standard, with possessives and stop words removed and the rest stemmed (Snowball).
//   - japanese: runs of Japanese script by morphology (kagome, IPA dictionary, search mode): particles,
//     auxiliaries and symbols removed, inflected words in their base form; other runs as standard. The
//     dictionary (90 MB) is loaded by the first text that needs it.
//   - cjk_bigram: runs of Han, Kana and Hangul as overlapping pairs of characters; other runs as standard.
//
// A removed token leaves a gap in the positions, so phrases match across what was there.
package analysis
