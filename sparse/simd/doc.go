// Package simd has the loops of the index engine that vector instructions speed up. Each has a twin in plain Go: builds with
// GOEXPERIMENT=simd use AVX2 where the processor has it, all others the twin, and a test holds both to the same.
package simd
