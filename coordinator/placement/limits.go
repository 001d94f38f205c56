package placement

// fullDiskPercent is how full a disk is from which its node gets new replicas only if there is no other:
// a merge needs room for a segment as large as those it joins, and the log grows meanwhile.
const fullDiskPercent = 85

// uneven is by how much of the mean two nodes must differ for a replica to be moved between them. Less is noise, or
// not worth the copying.
const uneven = 0.1

// leastGain keeps what is nothing but rounding from being a gain.
const leastGain = 1e-9
