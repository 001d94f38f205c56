//go:build !goexperiment.simd || !amd64

package simd

// vectors says that there are no vector twins in this build.
const vectors = false

func reachVector(*Places, []uint8, uint8) int { return 0 }

func unpackVector(*[Run]uint32, []uint32, uint) {}

func addUpVector([]uint32, uint32) uint32 { return 0 }
