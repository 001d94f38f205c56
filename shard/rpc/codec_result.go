package rpc

import (
	"fmt"

	"sagasu/api"
)

// Flags of a result of a write.
const resultProblem = 1 << 0

// writeAnswer is the answer to MethodWrite.
type writeAnswer struct {
	mark   Mark
	answer WriteAnswer
}

func (m *writeAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.uint(m.answer.Applied)
	e.len(len(m.answer.Results))
	for i := range m.answer.Results {
		r := &m.answer.Results[i]
		flags := byte(0)
		if r.Error != nil {
			flags |= resultProblem
		}
		e.byte(flags)
		e.status(r.Status)
		e.str(r.ID)
		e.uint(r.Version)
		if r.Error != nil {
			e.problem(r.Error)
		}
	}
}

func (m *writeAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.answer.Applied = d.uint()
	m.answer.Results = make([]api.WriteResult, d.atMost(MaxWrites, 4))
	for i := range m.answer.Results {
		flags := d.flags(resultProblem)
		r := api.WriteResult{Status: d.status(), ID: d.str(), Version: d.uint()}
		if flags&resultProblem != 0 {
			r.Error = d.problem()
		}
		m.answer.Results[i] = r
	}
	return d.end()
}

// statuses gives the status of each number.
func statuses() [7]string {
	return [...]string{
		"", api.StatusCreated, api.StatusUpdated, api.StatusDeleted, api.StatusNotFound, api.StatusConflict,
		api.StatusError,
	}
}

func (e *encoder) status(status string) {
	for i, s := range statuses() {
		if s == status {
			e.byte(byte(i))
			return
		}
	}
	e.fail(fmt.Errorf("%w: status of a write %q", ErrMessage, status))
}

func (d *decoder) status() string {
	known := statuses()
	i := d.byte()
	if int(i) >= len(known) {
		d.fail("status of a write")
		return ""
	}
	return known[i]
}

func (e *encoder) problem(p *api.Problem) {
	e.str(p.Type)
	e.str(p.Title)
	e.int(int64(p.Status))
	e.str(p.Detail)
	e.str(p.Field)
}

func (d *decoder) problem() *api.Problem {
	return &api.Problem{Type: d.str(), Title: d.str(), Status: int(d.int()), Detail: d.str(), Field: d.str()}
}
