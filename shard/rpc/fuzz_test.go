package rpc

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzz feeds the decoders of the messages whose names end so; the first argument chooses one.
func fuzz(f *testing.F, suffix string) {
	all := samples()
	var kinds []any
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		body, err := encodeMessage(all[name])
		require.NoError(f, err)
		f.Add(byte(len(kinds)), body)
		kinds = append(kinds, all[name])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		like := kinds[int(kind)%len(kinds)]
		m, err := decodeMessage(like, body)
		if err != nil {
			requireRefusal(t, err)
			return
		}
		// What could be read can be written, and is read as the same.
		first, err := encodeMessage(m)
		require.NoError(t, err)
		m, err = decodeMessage(like, first)
		require.NoError(t, err)
		again, err := encodeMessage(m)
		require.NoError(t, err)
		require.Equal(t, first, again)
	})
}

// requireRefusal wants an error that says what is wrong with a body.
func requireRefusal(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{ErrMessage, ErrVersion, ErrTooLarge, ErrPath, ErrChecksum} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("error %v", err)
}

func FuzzDecodeCalls(f *testing.F)   { fuzz(f, ".call") }
func FuzzDecodeAnswers(f *testing.F) { fuzz(f, ".answer") }

func FuzzDecodeFailure(f *testing.F) {
	for _, s := range sampleErrors() {
		if failure := (*Failure)(nil); errors.As(toFailure(s), &failure) {
			f.Add(failure.Code, failure.Message, failure.Detail)
		}
	}
	f.Fuzz(func(t *testing.T, code uint16, message string, detail []byte) {
		err := fromFailure(&Failure{Code: code, Message: message, Detail: detail})
		require.Equal(t, clip(message, maxMessageBytes), err.Error())
		// It can go on to another node.
		again := fromFailure(toFailure(err))
		for _, s := range sentinels() {
			require.Equal(t, errors.Is(err, s.err), errors.Is(again, s.err), "%v", s.err)
		}
	})
}
