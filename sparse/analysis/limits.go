package analysis

const (
	// maxTermBytes bounds a word: longer ones (encoded data, most often) are cut into pieces of at most
	// this. Case folding may still lengthen a piece, to three times as much at worst.
	maxTermBytes = 255

	// maxSentenceBytes bounds the Japanese that is taken apart at once: time and memory of the lattice grow
	// with the square of a run of Katakana. Sentences of 200 characters are rare.
	maxSentenceBytes = 600

	// maxForeignBytes bounds what is not Japanese and yet goes through the lattice as context, for the
	// lattice is ten times slower than the words of UAX 29.
	maxForeignBytes = 32

	// stemSlots is the size of the stem cache, a power of two: room for the frequent words of a language
	// in under 8 MB.
	stemSlots = 1 << 16

	// maxCachedWord is the longest word in bytes that is worth a slot; longer ones hardly recur.
	maxCachedWord = 32

	// maxFolds is how often folding and composing is tried to reach what both leave alone; all letters of
	// Unicode do by the second time.
	maxFolds = 3

	// minKatakanaStem is the fewest characters a Katakana word has for its final length mark to be
	// dropped: shorter words differ by it (コピー, キー).
	minKatakanaStem = 4
)
