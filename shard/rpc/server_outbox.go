package rpc

import "context"

func (s *server) current(ctx context.Context, d *decoder, e *encoder) error {
	var q currentCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a currentAnswer
	if a.presence, a.mark, err = r.Current(ctx, q.Call, q.ids, q.generation); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) selectIDs(ctx context.Context, d *decoder, e *encoder) error {
	var q selectCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a idsAnswer
	if a.ids, a.mark, err = r.SelectIDs(ctx, q.Call, q.filter, q.limit); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) position(ctx context.Context, d *decoder, e *encoder) error {
	var q shardCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a positionAnswer
	if a.position, a.mark, err = r.Position(ctx, q.Call); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) denseStatus(ctx context.Context, d *decoder, e *encoder) error {
	var q shardCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a statusAnswer
	if a.generations, a.mark, err = r.DenseStatus(ctx, q.Call); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) denseFailures(ctx context.Context, d *decoder, e *encoder) error {
	var q generationCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a failuresAnswer
	if a.failures, a.mark, err = r.DenseFailures(ctx, q.Call, q.generation); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) retryDense(ctx context.Context, d *decoder, e *encoder) error {
	var q generationCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a markAnswer
	if a.mark, err = r.RetryDense(ctx, q.Call, q.generation); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) repairDense(ctx context.Context, d *decoder, e *encoder) error {
	var q repairCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a markAnswer
	if a.mark, err = r.RepairDense(ctx, q.Call, q.generation, q.ids); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) listKeys(ctx context.Context, d *decoder, e *encoder) error {
	var q keysCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a keysAnswer
	if a.keys, a.mark, err = r.ListKeys(ctx, q.Call, q.after, q.limit); err != nil {
		return err
	}
	a.encode(e)
	return nil
}
