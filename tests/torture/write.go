package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sagasu/api"
	"sagasu/tests/cluster"
)

// outcome is what a client may take a write to have done.
type outcome int

const (
	// unknown: it may have happened, may still happen, or not.
	unknown outcome = iota
	acknowledged
	conflict
	// refused: the request was wrong in itself, which is a fault of ours or of the node.
	refused
)

// answer is what became of an attempt.
type answer struct {
	outcome outcome
	result  api.WriteResult
	gateway int
	// detail says why there is no acknowledgement.
	detail string
}

// write makes an attempt at a locked key and notes all that follows from its answer.
func (s *session) write(ctx context.Context, k *key, what kind) answer {
	a := attempt{kind: what, serial: s.serial.Add(1)}
	if what == kindReplaceIf {
		version := k.present().version
		a.ifVersion = &version
	}
	k.begin(a)
	began := time.Now()
	r := s.send(ctx, k.id, a)
	s.tally.wrote(r, time.Since(began))
	if err := k.settle(a, r); err != nil {
		s.tally.violation("%v", err)
	}
	if r.outcome == refused {
		s.tally.violation("%s of %s was refused: %s", what, k.id, r.detail)
	}
	return r
}

// send sends an attempt once. Another gateway is asked next time if this one did not answer.
func (s *session) send(ctx context.Context, id string, a attempt) answer {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	r := answer{gateway: s.inUse()}
	at := cluster.DocumentURL(s.gateways[r.gateway].URL(), index, id)
	if a.ifVersion != nil {
		at += "?if_version=" + strconv.FormatUint(*a.ifVersion, 10)
	}
	method, body := http.MethodPut, []byte(nil)
	if a.kind == kindDelete {
		method = http.MethodDelete
	} else {
		body = s.document(a)
	}
	status, data, err := s.client.Do(ctx, method, at, body)
	if err != nil {
		s.avoid(r.gateway)
		r.detail = err.Error()
		return r
	}
	r.detail = fmt.Sprintf("status %d: %.300s", status, data)
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusConflict:
		r.outcome = acknowledged
	case http.StatusNotFound:
		// A delete that finds nothing has its result; an index that is not there would be a problem.
		if a.kind != kindDelete {
			r.outcome = refused
			return r
		}
		r.outcome = acknowledged
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return r
	default:
		r.outcome = refused
		return r
	}
	if err := json.Unmarshal(data, &r.result); err != nil || r.result.Status == "" {
		r.outcome = refused
		return r
	}
	if r.result.Status == api.StatusConflict {
		r.outcome = conflict
	}
	return r
}

// owners is how many values the keyword field has, words how many the texts are made of.
const owners, words = 20, 400

// document gives the body of an attempt: its serial, and a text that nobody else has with words that many have.
func (s *session) document(a attempt) []byte {
	text := []string{uniqueWord(a.serial)}
	for range 12 {
		text = append(text, s.word())
	}
	fields := map[string]any{
		"text": strings.Join(text, " "), "owner": fmt.Sprintf("o%d", a.serial%owners), "serial": a.serial,
	}
	if a.kind == kindCreate {
		fields["op"] = "create"
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a map of texts and numbers
	}
	return body
}

// uniqueWord is in the text of one attempt only.
func uniqueWord(serial int64) string { return "unique" + strconv.FormatInt(serial, 36) }

// word gives one that several documents have, some more than others.
func (s *session) word() string { return fmt.Sprintf("word%d", s.intn(1+s.intn(words))) }
