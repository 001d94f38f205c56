package quality

const (
	// maxLineBytes bounds a line of a text file. The longest passages of the public collections take
	// some 100 KiB; more means that the file is something else.
	maxLineBytes = 16 << 20
	// maxDims bounds the dimensions vectors.json may claim, so that a damaged file can't ask for any
	// amount of memory. The widest embedding models in use have 4,096.
	maxDims = 16384
)
