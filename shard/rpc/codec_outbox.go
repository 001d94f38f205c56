package rpc

import (
	"math"

	"sagasu/api"
	"sagasu/shard/replica"
)

// currentCall is the body of MethodCurrent.
type currentCall struct {
	Call
	generation int
	ids        []string
}

func (m *currentCall) encode() ([]byte, error) {
	e := newEncoder(64 + 32*len(m.ids))
	e.call(m.Call)
	e.len(m.generation)
	e.room("ids", len(m.ids), MaxIDs)
	e.strs(m.ids)
	return e.end(0)
}

func (m *currentCall) decode(d *decoder) error {
	m.Call, m.generation = d.call(), d.size()
	m.ids = d.strs(d.atMost(MaxIDs, 1))
	return d.end()
}

// currentAnswer is the answer to it.
type currentAnswer struct {
	mark     Mark
	presence replica.Presence
}

func (m *currentAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.len(m.presence.Lag)
	e.len(len(m.presence.Versions))
	for _, v := range m.presence.Versions {
		e.uint(v)
	}
}

func (m *currentAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.presence.Lag = d.size()
	m.presence.Versions = make([]uint64, d.atMost(MaxIDs, 1))
	for i := range m.presence.Versions {
		m.presence.Versions[i] = d.uint()
	}
	return d.end()
}

// selectCall is the body of MethodSelectIDs.
type selectCall struct {
	Call
	filter api.Query
	limit  int
}

func (m *selectCall) encode() ([]byte, error) {
	e := newEncoder(256)
	e.call(m.Call)
	e.query(m.filter)
	e.room("ids", m.limit, MaxIDs)
	e.len(m.limit)
	return e.end(0)
}

func (m *selectCall) decode(d *decoder) error {
	m.Call, m.filter, m.limit = d.call(), d.query(), d.size()
	if m.limit > MaxIDs {
		d.fail("limit")
	}
	return d.end()
}

// idsAnswer is the answer to it.
type idsAnswer struct {
	mark Mark
	ids  []string
}

func (m *idsAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.room("ids", len(m.ids), MaxIDs)
	e.strs(m.ids)
}

func (m *idsAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.ids = d.strs(d.atMost(MaxIDs, 1))
	return d.end()
}

// shardCall is the body of the methods that say nothing more than which shard they ask: MethodPosition,
// MethodDenseStatus.
type shardCall = infoCall

// positionAnswer is the answer to MethodPosition.
type positionAnswer struct {
	mark     Mark
	position replica.Position
}

func (m *positionAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.uint(m.position.Version)
	e.uint(m.position.Dense)
}

func (m *positionAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.position = replica.Position{Version: d.uint(), Dense: d.uint()}
	return d.end()
}

// statusAnswer is the answer to MethodDenseStatus.
type statusAnswer struct {
	mark        Mark
	generations []replica.GenerationStatus
}

func (m *statusAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.len(len(m.generations))
	for i := range m.generations {
		g := &m.generations[i]
		for _, n := range []int{g.Generation, g.Vectors, g.WaitEmbed, g.WaitFeed, g.Failed} {
			e.len(n)
		}
		e.f64(g.LagSeconds)
		e.str(clip(g.Trouble, maxMessageBytes))
		e.f64(g.Rate)
	}
}

func (m *statusAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	// The least status is five numbers, two floats and a length.
	m.generations = make([]replica.GenerationStatus, d.atMost(maxGenerations, 22))
	for i := range m.generations {
		m.generations[i] = replica.GenerationStatus{
			Generation: d.size(), Vectors: d.size(), WaitEmbed: d.size(), WaitFeed: d.size(), Failed: d.size(),
			LagSeconds: d.f64(), Trouble: d.str(), Rate: d.f64(),
		}
	}
	return d.end()
}

// generationCall is the body of MethodDenseFailures and MethodRetryDense.
type generationCall struct {
	Call
	generation int
}

func (m *generationCall) encode() ([]byte, error) {
	e := newEncoder(64)
	e.call(m.Call)
	e.len(m.generation)
	return e.end(0)
}

func (m *generationCall) decode(d *decoder) error {
	m.Call, m.generation = d.call(), d.size()
	return d.end()
}

// failuresAnswer is the answer to MethodDenseFailures.
type failuresAnswer struct {
	mark     Mark
	failures replica.Failures
}

func (m *failuresAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.len(m.failures.More)
	e.room("failures", len(m.failures.List), MaxKeys)
	e.len(len(m.failures.List))
	for _, f := range m.failures.List {
		e.str(f.ID)
		e.uint(f.Version)
		e.str(f.Reason)
	}
}

func (m *failuresAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.failures.More = d.size()
	if n := d.atMost(MaxKeys, 3); n > 0 {
		m.failures.List = make([]replica.Failure, n)
	}
	for i := range m.failures.List {
		m.failures.List[i] = replica.Failure{ID: d.str(), Version: d.uint(), Reason: d.str()}
	}
	return d.end()
}

// repairCall is the body of MethodRepairDense; it is shaped like currentCall.
type repairCall = currentCall

// keysCall is the body of MethodListKeys.
type keysCall struct {
	Call
	after string
	limit int
}

func (m *keysCall) encode() ([]byte, error) {
	e := newEncoder(128)
	e.call(m.Call)
	e.str(m.after)
	e.room("keys", m.limit, MaxKeys)
	e.len(m.limit)
	return e.end(0)
}

func (m *keysCall) decode(d *decoder) error {
	m.Call, m.after, m.limit = d.call(), d.str(), d.size()
	if m.limit > MaxKeys {
		d.fail("limit")
	}
	return d.end()
}

// Flags of a vector's state.
const (
	stateFailed = 1 << 0
	stateNoText = 1 << 1
)

// keysAnswer is the answer to it.
type keysAnswer struct {
	mark Mark
	keys []replica.KeyState
}

func (m *keysAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.room("keys", len(m.keys), MaxKeys)
	e.len(len(m.keys))
	for i := range m.keys {
		k := &m.keys[i]
		e.str(k.ID)
		e.uint(k.Version)
		e.room("generations", len(k.Vectors), maxGenerations)
		e.len(len(k.Vectors))
		for _, v := range k.Vectors {
			e.vectorState(v)
		}
	}
}

func (e *encoder) vectorState(v replica.VectorState) {
	flags := byte(0)
	if v.Failed != "" {
		flags |= stateFailed
	}
	if v.NoText {
		flags |= stateNoText
	}
	e.byte(flags)
	e.len(v.Generation)
	e.uint(v.Version)
	if v.Failed != "" {
		e.str(v.Failed)
	}
}

func (m *keysAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	if n := d.atMost(MaxKeys, 3); n > 0 {
		m.keys = make([]replica.KeyState, n)
	}
	for i := range m.keys {
		k := &m.keys[i]
		k.ID, k.Version = d.str(), d.uint()
		if n := d.atMost(maxGenerations, 3); n > 0 {
			k.Vectors = make([]replica.VectorState, n)
		}
		for j := range k.Vectors {
			k.Vectors[j] = d.vectorState()
		}
	}
	return d.end()
}

func (d *decoder) vectorState() replica.VectorState {
	flags := d.flags(stateFailed | stateNoText)
	v := replica.VectorState{Generation: d.size(), Version: d.uint(), NoText: flags&stateNoText != 0}
	if flags&stateFailed != 0 {
		if v.Failed = d.str(); v.Failed == "" {
			d.fail("reason")
		}
	}
	return v
}

// generation reads the number of one, where it may be missing: see denseVersion.
func (d *decoder) generation() int {
	n := d.size()
	if n == 0 || n > math.MaxInt32 {
		d.fail("generation")
	}
	return n
}
