package flat

import "golang.org/x/sys/cpu"

// dotRowsAVX2 is dotRowsScalar for machines with AVX2; stride is a positive multiple of 32.
//
//go:noescape
func dotRowsAVX2(dst *int32, query *int16, rows *int8, stride, n int)

// dotRowsVector wraps the assembly in slices, whose lengths it checks.
func dotRowsVector(dst []int32, query []int16, rows []int8) {
	if len(dst) == 0 {
		return
	}
	_ = rows[len(dst)*len(query)-1]
	dotRowsAVX2(&dst[0], &query[0], &rows[0], len(query), len(dst))
}

// fastestKernel is the best kernel that this machine can run.
func fastestKernel() kernel {
	if cpu.X86.HasAVX2 {
		return dotRowsVector
	}
	return dotRowsScalar
}
