package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Record is a line of an audit log: who did what, on what, from where, and whether it was allowed.
type Record struct {
	// Sequence counts the lines of a log from 1, through all of its files.
	Sequence uint64    `json:"seq"`
	At       time.Time `json:"at"`
	// Principal is who, Action what, Target on what, Source from which address.
	Principal string `json:"principal,omitempty"`
	Action    string `json:"action"`
	Target    string `json:"target,omitempty"`
	Source    string `json:"source,omitempty"`
	Allowed   bool   `json:"allowed"`
	// Outcome is the status code that was answered, or a word.
	Outcome   string `json:"outcome"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Previous is, in the first line of a file, the hash of the last line of the file before; empty in the first file.
	Previous string `json:"previous,omitempty"`
}

// ActionBegin is the action of the first line of a file.
const ActionBegin = "audit.begin"

// Chain makes the lines of an audit log, each with a hash over itself and the one before.
type Chain struct {
	sequence uint64
	last     []byte
}

// hashMember begins the member that ends every line.
const hashMember = `,"hash":"`

// Begin starts a file: behind the last line of another one, or anew for the zero Tail.
func Begin(after Tail) *Chain {
	last, err := hex.DecodeString(after.Hash)
	if err != nil {
		last = nil
	}
	return &Chain{sequence: after.Sequence, last: last}
}

// First gives the line that begins a file.
func (c *Chain) First(at time.Time, node string) ([]byte, error) {
	previous := hex.EncodeToString(c.last)
	c.last = nil // what is hashed of the file before is in the line
	return c.Line(Record{
		At: at, Action: ActionBegin, Target: node, Allowed: true, Outcome: "ok", Previous: previous,
	})
}

// Line gives the next line, with its end. Its sequence is set here, texts that make it too long are cut.
func (c *Chain) Line(r Record) ([]byte, error) {
	r.Sequence = c.sequence + 1
	r.At = r.At.UTC()
	for _, text := range []*string{&r.Principal, &r.Action, &r.Target, &r.Source, &r.Outcome, &r.Detail, &r.RequestID} {
		*text = cut(*text)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode audit record: %w", err)
	}
	body = body[:len(body)-1]
	sum := sha256.Sum256(append(bytes.Clone(c.last), body...))
	c.sequence, c.last = r.Sequence, sum[:]
	return append(append(append(body, hashMember...), hex.EncodeToString(sum[:])...), "\"}\n"...), nil
}

// Tail gives where the chain is.
func (c *Chain) Tail() Tail { return Tail{Sequence: c.sequence, Hash: hex.EncodeToString(c.last)} }

// cut bounds a text to what leaves a line below MaxAuditLineBytes, escaped six bytes for one.
func cut(text string) string {
	const most = MaxAuditLineBytes / 64
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

// Tail is where an audit log ends. Kept elsewhere it shows whether lines were cut off at the end, which the log alone
// can't.
type Tail struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

// Verified is what verifying a file found.
type Verified struct {
	Records uint64 `json:"records"`
	// From is the end of the file before, as this one has it; Tail is the end of this one.
	From, Tail Tail
	First      time.Time
	Last       time.Time
	// Torn is true if the last line is not whole, as after a crash.
	Torn bool
}

// VerifyLog reads a file of an audit log and checks every line against the one before. Errors are ErrChain, with the
// line's number; what was found before is given with them. Each line that is good is told of.
func VerifyLog(in io.Reader, tell ...func(Tail)) (Verified, error) {
	var v Verified
	reader := bufio.NewReaderSize(in, MaxAuditLineBytes)
	var last []byte
	for number := 1; ; number++ {
		line, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			if number == 1 {
				return v, fmt.Errorf("%w: it is empty", ErrChain)
			}
			return v, nil
		case errors.Is(err, io.EOF):
			v.Torn = true
			if number == 1 {
				return v, fmt.Errorf("%w: line 1 is not whole", ErrChain)
			}
			return v, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return v, fmt.Errorf("%w: line %d has more than %d bytes", ErrChain, number, MaxAuditLineBytes)
		case err != nil:
			return v, fmt.Errorf("read audit log: %w", err)
		}
		r, sum, err := openLine(line, last)
		if err == nil {
			err = v.take(&r, number)
		}
		if err != nil {
			return v, fmt.Errorf("%w: line %d: %w", ErrChain, number, err)
		}
		last = sum
		v.Tail = Tail{Sequence: r.Sequence, Hash: hex.EncodeToString(sum)}
		for _, f := range tell {
			f(v.Tail)
		}
	}
}

// take counts a line that has the hash it must have.
func (v *Verified) take(r *Record, number int) error {
	if number == 1 {
		if r.Action != ActionBegin || r.Sequence == 0 {
			return errors.New("does not begin a file: lines before it are missing")
		}
		v.From = Tail{Sequence: r.Sequence - 1, Hash: r.Previous}
		v.First = r.At
	} else if r.Sequence != v.Tail.Sequence+1 {
		return fmt.Errorf("has number %d behind %d", r.Sequence, v.Tail.Sequence)
	}
	v.Records++
	v.Last = r.At
	return nil
}

// openLine checks one line's hash and reads it.
func openLine(line, last []byte) (Record, []byte, error) {
	var r Record
	line = bytes.TrimSuffix(line, []byte("\n"))
	at := bytes.LastIndex(line, []byte(hashMember))
	if at < 0 || !bytes.HasSuffix(line, []byte(`"}`)) {
		return r, nil, errors.New("has no hash")
	}
	told := string(line[at+len(hashMember) : len(line)-2])
	sum := sha256.Sum256(append(bytes.Clone(last), line[:at]...))
	if hex.EncodeToString(sum[:]) != told {
		return r, nil, errors.New("was changed, or the one before it was")
	}
	if err := json.Unmarshal(append(bytes.Clone(line[:at]), '}'), &r); err != nil {
		return r, nil, errors.New("is no record")
	}
	return r, sum[:], nil
}
