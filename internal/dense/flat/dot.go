package flat

// kernel computes the inner products of a quantised query with len(dst) rows of codes that lie one after
// the other. The query's length is a positive multiple of lane, rows holds len(dst) times as many codes,
// and no sum overflows 32 bits; see quantiseQuery.
type kernel func(dst []int32, query []int16, rows []int8)

// lane is what row lengths are padded to, with zeros: the codes that the vector kernel takes at a time.
const lane = 32

// stride is the padded length of a row.
func stride(dims int) int { return (dims + lane - 1) / lane * lane }

// dotRowsScalar is the portable kernel and the definition of the others.
func dotRowsScalar(dst []int32, query []int16, rows []int8) {
	for r := range dst {
		row := rows[r*len(query) : (r+1)*len(query)]
		var s0, s1, s2, s3 int32
		for i := 0; i+4 <= len(query) && i+4 <= len(row); i += 4 {
			q, c := query[i:i+4:i+4], row[i:i+4:i+4]
			s0 += int32(q[0]) * int32(c[0])
			s1 += int32(q[1]) * int32(c[1])
			s2 += int32(q[2]) * int32(c[2])
			s3 += int32(q[3]) * int32(c[3])
		}
		dst[r] = s0 + s1 + s2 + s3
	}
}
