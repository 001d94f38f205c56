package gossip

import "github.com/hashicorp/memberlist"

// delegate hears what memberlist has to say; it is called with memberlist's lock held.
type delegate struct {
	table *table
	meta  func() []byte // what this node tells of itself
	gone  func()        // called when a member is gone
}

// NodeMeta implements memberlist.Delegate.
func (d *delegate) NodeMeta(int) []byte { return d.meta() }

// NotifyMsg implements memberlist.Delegate; there are no messages.
func (d *delegate) NotifyMsg([]byte) {}

// GetBroadcasts implements memberlist.Delegate.
func (d *delegate) GetBroadcasts(_, _ int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyJoin implements memberlist.EventDelegate.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.table.join(n.Name, n.Address(), n.Meta) }

// NotifyUpdate implements memberlist.EventDelegate.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.table.join(n.Name, n.Address(), n.Meta) }

// NotifyLeave implements memberlist.EventDelegate; memberlist calls it for the dead too.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	d.table.leave(n.Name)
	d.gone()
}

// NotifyAlive implements memberlist.AliveDelegate.
func (d *delegate) NotifyAlive(n *memberlist.Node) error { return d.table.admit(n) }

// NotifyMerge implements memberlist.MergeDelegate.
func (d *delegate) NotifyMerge(peers []*memberlist.Node) error { return d.table.merge(peers) }

// NotifyConflict implements memberlist.ConflictDelegate.
func (d *delegate) NotifyConflict(known, other *memberlist.Node) { d.table.contest(known, other) }
