//go:build !amd64

package flat

// fastestKernel is the best kernel that this machine can run.
func fastestKernel() kernel { return dotRowsScalar }
