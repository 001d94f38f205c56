package httpapi

import (
	"context"

	"sagasu/api"
)

// Vectors looks after the vectors of indexes, and after what stores know of their documents. All methods return
// api.ErrIndexNotFound.
type Vectors interface {
	// ChangeModel begins to make an index's vectors anew, and gives the operation that does it.
	ChangeModel(ctx context.Context, index string, change api.ModelChange) (api.Operation, error)
	// DenseFailures gives the documents that can't be embedded, in the present generation for a negative number.
	DenseFailures(ctx context.Context, index string, generation int) (api.DenseFailures, error)
	// RetryDense has them embedded once more.
	RetryDense(ctx context.Context, index string, generation int) error
	// Verify begins to compare the stores of an index, and to bring right what differs if repair is set.
	Verify(ctx context.Context, index string, repair bool) (api.Operation, error)
	// VerifyReport gives what a comparison found, where it was made.
	VerifyReport(ctx context.Context, index, operation string) (api.VerifyReport, error)
}
