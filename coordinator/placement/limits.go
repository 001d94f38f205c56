package placement

// fullDiskPercent is how full a disk is from which its node gets new replicas only if there is no other:
// a merge needs room for a segment as large as those it joins, and the log grows meanwhile.
const fullDiskPercent = 85
