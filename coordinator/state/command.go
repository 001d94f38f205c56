package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sagasu/api"
)

// The types of command. A number is never used again for something else.
const (
	// TypeCreateIndex adds an index; its payload is a CreateIndex.
	TypeCreateIndex uint16 = 1
	// TypeDeleteIndex removes an index; its payload is a DeleteIndex.
	TypeDeleteIndex uint16 = 2
)

// Version is the newest version of each command that this build writes and reads.
const Version uint16 = 1

var (
	// ErrUnknownCommand is returned when a command has a type or version this build doesn't know: the
	// node is older than the one that proposed it and must not guess.
	ErrUnknownCommand = errors.New("command of an unknown type or version")
	// ErrCommand is returned when a payload can't be decoded.
	ErrCommand = errors.New("malformed command")
	// ErrIndexExists is returned when an index of that name exists.
	ErrIndexExists = errors.New("index exists already")
	// ErrIndexNotFound is returned when there is no index of that name.
	ErrIndexNotFound = errors.New("index not found")
)

// Command is one entry of the metadata log.
type Command struct {
	// Index is the entry's position in the log; commands at or below the applied index are ignored.
	Index uint64
	// Type and Version say how Payload is read.
	Type, Version uint16
	Payload       []byte
}

// CreateIndex adds an index.
type CreateIndex struct {
	Name string `json:"name"`
	// UUID names the index for ever, also after another got its name; chosen by the proposer. A command
	// with the UUID of an existing index changes nothing and succeeds, which makes a retry safe.
	UUID   string     `json:"uuid"`
	Schema api.Schema `json:"schema"`
	// CreatedMillis is the proposer's clock, in milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
}

// DeleteIndex removes an index.
type DeleteIndex struct {
	Name string `json:"name"`
	// UUID must be the index's, so that a late retry never removes a successor of the same name.
	UUID string `json:"uuid"`
}

// Encode gives the payload of a command.
func Encode[C CreateIndex | DeleteIndex](c C) ([]byte, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	return payload, nil
}

// decode reads one JSON value strictly: an unknown member means a newer writer, and is refused.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrCommand, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: data after the value", ErrCommand)
	}
	return nil
}
