// Package analysis turns text into terms. It is pure: the same text gives the same tokens, on every
// machine, and nothing is read but the dictionary that is compiled in.
//
// Every analyzer first brings the text into normalization form KC, which folds width (ｶﾞ to ガ, Ａ to A), and
// takes out what steers the display only (soft hyphens, joiners, variation selectors). Words are case folded.
// A token's offsets are those of the original text; all tokens of a character that stands for several
// (㍿) have its place. Invalid bytes separate words. The analyzers:
//
//   - standard: the words of Unicode Standard Annex 29 that have a letter or digit. Katakana and Hangul come
//     in words, Han, Hiragana, Thai and Lao character by character, for which phrases or another analyzer
//     are the remedy. A word over 255 bytes is cut into pieces, so that its beginning can be searched and
//     nothing is lost.
//   - english: standard, with possessives and stop words removed and the rest stemmed (Snowball English).
//   - japanese: morphemes (kagome, IPA dictionary, search mode, which parts compounds). Particles,
//     auxiliaries and fillers are removed, inflected words come in their base form, and a Katakana word of
//     four characters or more loses its final length mark. What is not Han or Kana is treated as
//     standard does, and serves the morphemes beside it as context only. The dictionary (90 MB) is loaded by
//     the first text that has Han or Kana. Text goes sentence by sentence, at most 600 bytes at once.
//   - cjk_bigram: runs of Han, Kana and Hangul as overlapping pairs of characters, a single character as
//     itself; other runs as standard.
//
// A removed token leaves a gap in the positions, so phrases match across what was there.
package analysis
