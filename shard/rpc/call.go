package rpc

// Call says which state a replica must have to answer.
type Call struct {
	// Shard is the shard's id.
	Shard string
	// Epoch is the shard's as the caller knows it; a replica that knows a newer one answers *EpochError.
	// 0 for any.
	Epoch uint64
	// MinIndex is the log index that the replica must have applied, 0 for any; ErrLagging if it does not get
	// there in time.
	MinIndex uint64
}

// Mark is what a replica tells of itself with every answer.
type Mark struct {
	// Applied is the log index up to which the answer shows everything.
	Applied uint64
	// Epoch is the shard's as the replica knows it.
	Epoch uint64
	// ServiceMicros is the time the replica took, in microseconds.
	ServiceMicros uint64
}

func (e *encoder) call(c Call) {
	e.name(c.Shard)
	e.uint(c.Epoch)
	e.uint(c.MinIndex)
}

func (d *decoder) call() Call {
	return Call{Shard: d.name(), Epoch: d.uint(), MinIndex: d.uint()}
}

func (e *encoder) mark(m Mark) {
	e.uint(m.Applied)
	e.uint(m.Epoch)
	e.uint(m.ServiceMicros)
}

func (d *decoder) mark() Mark {
	return Mark{Applied: d.uint(), Epoch: d.uint(), ServiceMicros: d.uint()}
}
