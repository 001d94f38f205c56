package coordinator

import (
	"context"
	"encoding/json"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/state"
)

// Methods of calls about the jobs of another node; numbers are never used again for something else.
const (
	methodJobStatus uint16 = 0x0401
	methodJobErrors uint16 = 0x0402
)

// jobCall asks a node about a job of its own. After and Limit are for its errors.
type jobCall struct {
	ID    string `json:"id"`
	After int64  `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// jobAnswer has Found false if the node has no such job.
type jobAnswer struct {
	Found    bool             `json:"found"`
	State    string           `json:"state,omitempty"`
	Error    string           `json:"error,omitempty"`
	Progress *api.JobProgress `json:"progress,omitempty"`
	Errors   api.JobErrors    `json:"errors,omitzero"`
}

// Operation gives an operation, with more of a bulk than the metadata know: from the node that has it, or while that
// does not answer from the catalog.
func (n *Node) Operation(ctx context.Context, id string) (api.Operation, error) {
	o, ok := n.meta.View().Operation(id)
	if !ok {
		return n.forgottenOperation(ctx, id)
	}
	out := describeOperation(o)
	if o.Kind != jobs.Kind {
		return out, nil
	}
	answer, err := n.askJob(ctx, o.Node, methodJobStatus, jobCall{ID: id})
	switch {
	case err != nil:
		n.addCatalogJob(ctx, &out)
	case answer.Found:
		out.Job = answer.Progress
		ended := state.OperationState(answer.State).Ended()
		if !o.State.Ended() && (ended || o.State != state.OperationCancelling) {
			// The metadata follow within a second.
			out.State, out.Error = answer.State, answer.Error
		}
		if !o.State.Ended() {
			out.Done = uint64(answer.Progress.Items)
		}
	}
	return out, nil
}

// OperationErrors gives the items of a bulk that failed.
func (n *Node) OperationErrors(ctx context.Context, id string, after int64, limit int) (api.JobErrors, error) {
	o, ok := n.meta.View().Operation(id)
	if !ok {
		return n.catalogJobErrors(ctx, id, after, limit, noOperation(id))
	}
	if o.Kind != jobs.Kind {
		return api.JobErrors{}, api.NewProblem(api.ProblemRequest, 400, "id", "operations of kind %s have no items", o.Kind)
	}
	answer, err := n.askJob(ctx, o.Node, methodJobErrors, jobCall{ID: id, After: after, Limit: limit})
	switch {
	case err != nil:
		return n.catalogJobErrors(ctx, id, after, limit, fmt.Errorf("ask node %s, which has the job: %w: %w", o.Node,
			api.ErrUnavailable, err))
	case !answer.Found:
		return n.catalogJobErrors(ctx, id, after, limit, api.NewProblem(api.ProblemNotFound, 404, "id",
			"node %s does not keep the errors of %s any more", o.Node, id))
	}
	return answer.Errors, nil
}

// askJob asks the node that has a job, which may be this one.
func (n *Node) askJob(ctx context.Context, node string, method uint16, call jobCall) (jobAnswer, error) {
	if node == n.who.Load().ID {
		if method == methodJobStatus {
			return n.jobStatus(call), nil
		}
		return n.jobErrors(call), nil
	}
	var answer jobAnswer
	if n.net == nil {
		return answer, fmt.Errorf("node %q is not in this cluster: %w", node, api.ErrUnavailable)
	}
	body, err := json.Marshal(call)
	if err != nil {
		return answer, fmt.Errorf("encode call: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	data, err := n.net.Call(ctx, node, method, body)
	if err != nil {
		return answer, fmt.Errorf("ask node %s: %w", node, err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("answer of node %s: %w", node, err)
	}
	if answer.Found && answer.Progress == nil && method == methodJobStatus {
		return answer, fmt.Errorf("answer of node %s has no progress", node)
	}
	return answer, nil
}

func (n *Node) jobStatus(call jobCall) jobAnswer {
	s, ok := n.jobs.Status(call.ID)
	if !ok {
		return jobAnswer{}
	}
	answer := jobAnswer{Found: true, State: string(s.State), Error: s.Error, Progress: s.Progress()}
	if s.State == jobs.StateReceived {
		answer.State = string(state.OperationPending)
	}
	return answer
}

func (n *Node) jobErrors(call jobCall) jobAnswer {
	page, err := n.jobs.Errors(call.ID, call.After, min(max(call.Limit, 1), jobs.MaxErrors))
	if err != nil {
		return jobAnswer{}
	}
	return jobAnswer{Found: true, Errors: page}
}

func (n *Node) answerJobStatus(_ context.Context, body, dst []byte) ([]byte, error) {
	return answerJob(body, dst, n.jobStatus)
}

func (n *Node) answerJobErrors(_ context.Context, body, dst []byte) ([]byte, error) {
	return answerJob(body, dst, n.jobErrors)
}

// answerJob answers another node.
func answerJob(body, dst []byte, answer func(jobCall) jobAnswer) ([]byte, error) {
	var call jobCall
	if err := json.Unmarshal(body, &call); err != nil {
		return nil, fmt.Errorf("call about a job: %w", err)
	}
	data, err := json.Marshal(answer(call))
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return append(dst, data...), nil
}
