package api

// CollapseParent is the one way to collapse: by the document that a passage is of.
const CollapseParent = "parent"

// Collapse groups the hits of an index whose documents are split: one hit for each document, by its best passage.
// Pages count documents then.
type Collapse struct {
	// By is CollapseParent.
	By string
	// Passages is how many passages are given of each document, 1 to MaxCollapsed.
	Passages int
	// Neighbours is how many passages on each side lend their text to each passage given, 0 to MaxNeighbours.
	Neighbours int
}

// fetched is how many passages a page takes.
func (c *Collapse) fetched(size int) int { return size * c.Passages * (1 + 2*c.Neighbours) }

func (p *requestParser) collapse() error {
	if p.schema.Passages == nil {
		return bad("needs an index whose documents are split into passages")
	}
	c := &Collapse{Passages: DefaultCollapsed}
	p.req.Collapse = c
	err := p.object(func(key string) error {
		var err error
		switch key {
		case "by":
			c.By, err = p.string()
			if err == nil && c.By != CollapseParent {
				err = bad("is %q, must be %s", clip(c.By), CollapseParent)
			}
		case "passages":
			c.Passages, err = p.small(1, MaxCollapsed)
		case "neighbours":
			c.Neighbours, err = p.small(0, MaxNeighbours)
		default:
			err = bad("is no part of collapse (by, passages, neighbours)")
		}
		return err
	})
	if err == nil && c.By == "" {
		err = badField("by", "is missing; it is %s", CollapseParent)
	}
	return err
}

// settleCollapse bounds what a page would fetch.
func (p *requestParser) settleCollapse() error {
	r := p.req
	if r.Collapse == nil {
		return nil
	}
	if n := r.Collapse.fetched(r.Size); n > MaxResultWindow {
		return badField("collapse", "with size %d would show %d passages and their neighbours, at most %d are allowed",
			r.Size, n, MaxResultWindow)
	}
	return nil
}
