package query

import (
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"slices"

	"sagasu/api"
)

// answerVersion is raised when the same request would be answered otherwise although nobody wrote: nodes of two
// versions that share a cache must not give each other's answers.
const answerVersion = 1

// digest stands for a search; different ones have different digests.
type digest [sha256.Size]byte

// question is a search in the terms of the caches.
type question struct {
	// answer tells searches apart that may be answered differently in one state of the index.
	answer digest
	// flight tells searches apart that can't share a run: it also knows what they must see, and for how long they wait.
	flight digest
}

// newRequestCodec writes what of a request tells its answer. The time that it has and the patience of its client do
// not, since only whole answers are kept; nor does what it must see, since the positions of the shards show that it is
// seen; nor how it was worded, which is for logs.
func newRequestCodec() *codec {
	return &codec{skip: map[string]bool{
		"SearchRequest.Timeout": true, "SearchRequest.AllowPartial": true, "SearchRequest.Sequence": true,
		"SearchRequest.NoCache": true, "SearchRequest.Asked": true,
	}}
}

// newAnswerCodec writes what of an answer stays the same.
func newAnswerCodec() *codec {
	return &codec{skip: map[string]bool{
		"SearchResponse.TookMS": true, "SearchResponse.TimingsMS": true, "SearchResponse.Cached": true,
	}}
}

// ask makes the question of a search.
func (a *answers) ask(target *Target, req *api.SearchRequest) question {
	buffer, _ := a.buffers.Get().(*[]byte)
	dst := (*buffer)[:0]
	dst = append(dst, answerVersion)
	dst = binary.LittleEndian.AppendUint64(dst, a.requests.shape(reflect.TypeFor[api.SearchRequest]()))
	dst = binary.LittleEndian.AppendUint64(dst, a.responses.shape(reflect.TypeFor[api.SearchResponse]()))
	for _, part := range []string{target.ID, target.Access} {
		dst = append(binary.AppendUvarint(dst, uint64(len(part))), part...)
	}
	generation := 0
	if target.Schema != nil && target.Schema.Dense != nil {
		generation = target.Schema.Dense.Generation
	}
	dst = binary.AppendVarint(dst, int64(generation))
	dst = a.requests.append(dst, reflect.ValueOf(req).Elem())
	q := question{answer: sha256.Sum256(dst)}

	dst = append(dst[:0], q.answer[:]...)
	dst = binary.AppendVarint(dst, int64(req.Timeout))
	dst = append(dst, boolByte(req.AllowPartial))
	for _, index := range target.Seen {
		dst = binary.AppendUvarint(dst, index)
	}
	q.flight = sha256.Sum256(dst)
	*buffer = dst
	a.buffers.Put(buffer)
	return q
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// place is where the answer of a search is kept: under its question and the positions of the index's shards.
type place struct {
	key       string
	positions []Position
}

func newPlace(q *question, positions []Position) *place {
	dst := slices.Clone(q.answer[:])
	for _, p := range positions {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, p.Version), p.Dense)
	}
	key := sha256.Sum256(dst)
	return &place{key: string(key[:]), positions: positions}
}
