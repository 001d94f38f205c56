package vectorfile

const (
	// mergeFactor says when a flush merges the newest file into the one it writes: when that has at most
	// this many times the records. Each record is then rewritten a logarithmic number of times.
	mergeFactor = 2
	// MergeFloor is the number of records below which a file is always merged.
	MergeFloor = 64
	// maxRecordBytes bounds the length of a record, so that it fits the frame with room to spare.
	maxRecordBytes = 1 << 30
	// writeBuffer is the size of the writes, in bytes.
	writeBuffer = 1 << 18
	// verifyStep is how many bytes are read between two calls of a pace: a hundredth of a second's worth on a slow disk.
	verifyStep = 1 << 20
	// slack is how far the squared length of a stored vector may be from 1: far more than rounding makes of
	// it, and what the error bound of a quantised search allows for.
	slack = 2e-6
)
