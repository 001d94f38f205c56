package rpc

// ShardInfo is how a replica sees itself and its group.
type ShardInfo struct {
	// Applied is the log index up to which the replica shows everything.
	Applied uint64
	// Documents is the number of live documents, DenseLag that of those that wait for their vectors.
	Documents, DenseLag int
	// Leader is the node that leads the group as far as the replica knows, "" for none, and for a replica that has
	// not caught up with its group since it was opened; Term is in which term.
	Leader string
	Term   uint64
	// LeaderHere is true if it is this replica, and it takes writes.
	LeaderHere bool
	// Failed is why the replica no longer works, "" if it does.
	Failed string
	// Bytes is the size of the replica's files.
	Bytes int64
	// Repair is set while the replica's damaged files are replaced by those of another node.
	Repair RepairInfo
}

// RepairInfo tells how far a repair is.
type RepairInfo struct {
	// Reason is the damage that was found.
	Reason string
	// From is the node whose files are copied, "" while none can be asked. Bytes of Total are here.
	From         string
	Bytes, Total int64
}

// infoCall is the body of MethodInfo.
type infoCall struct{ Call }

func (m *infoCall) encode() ([]byte, error) {
	e := newEncoder(64)
	e.call(m.Call)
	return e.end(0)
}

func (m *infoCall) decode(d *decoder) error {
	m.Call = d.call()
	return d.end()
}

// infoAnswer is the answer to it.
type infoAnswer struct {
	mark Mark
	info ShardInfo
}

func (m *infoAnswer) encode(e *encoder) {
	repair := m.info.Repair != RepairInfo{}
	if repair {
		e.buf[len(e.buf)-1] = repairVersion
	}
	e.mark(m.mark)
	e.uint(m.info.Applied)
	e.len(m.info.Documents)
	e.len(m.info.DenseLag)
	e.name(m.info.Leader)
	e.uint(m.info.Term)
	e.bool(m.info.LeaderHere)
	e.str(clip(m.info.Failed, maxMessageBytes))
	e.int(m.info.Bytes)
	if repair {
		e.str(clip(m.info.Repair.Reason, maxMessageBytes))
		e.name(m.info.Repair.From)
		e.int(m.info.Repair.Bytes)
		e.int(m.info.Repair.Total)
	}
}

func (m *infoAnswer) decode(d *decoder) error {
	d.allow(repairVersion)
	m.mark = d.mark()
	m.info = ShardInfo{
		Applied: d.uint(), Documents: d.size(), DenseLag: d.size(), Leader: d.name(), Term: d.uint(),
		LeaderHere: d.bool(), Failed: d.str(), Bytes: d.int(),
	}
	if d.version == repairVersion {
		m.info.Repair = RepairInfo{Reason: d.str(), From: d.name(), Bytes: d.int(), Total: d.int()}
	}
	return d.end()
}

// waitCall is the body of MethodWaitDense.
type waitCall struct {
	Call
	version uint64
}

func (m *waitCall) encode() ([]byte, error) {
	e := newEncoder(64)
	e.call(m.Call)
	e.uint(m.version)
	return e.end(0)
}

func (m *waitCall) decode(d *decoder) error {
	m.Call, m.version = d.call(), d.uint()
	return d.end()
}

// markAnswer is an answer that says nothing else.
type markAnswer struct{ mark Mark }

func (m *markAnswer) encode(e *encoder) { e.mark(m.mark) }

func (m *markAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	return d.end()
}
