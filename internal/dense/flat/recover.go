package flat

import "sagasu/internal/dense/vectorfile"

// recover reads the files; see vectorfile.Config for manual.
func (x *Index) recover(manual bool) error {
	c := x.begin()
	chain, err := vectorfile.Open(
		vectorfile.Config{FS: x.cfg.FS, Dir: x.cfg.Dir, Dims: x.cfg.Dims, Manual: manual, Logger: x.cfg.Logger},
		func(_ *vectorfile.File, r *vectorfile.Record) error {
			if old, ok := x.rows[r.Vector.ID]; ok {
				c.kill(old)
				delete(x.rows, r.Vector.ID)
			}
			if !r.Deleted {
				c.add(&r.Vector)
			}
			return nil
		})
	if err != nil {
		return err
	}
	c.publish()
	x.chain = chain
	x.applied = chain.Index()
	x.durable.Store(x.applied)
	return nil
}
