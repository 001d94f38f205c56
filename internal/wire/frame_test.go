package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64().Draw(t, "id")
		want := request{
			method:   rapid.Uint16().Draw(t, "method"),
			version:  rapid.Byte().Draw(t, "version"),
			deadline: time.Duration(rapid.Uint32().Draw(t, "deadline")) * time.Millisecond,
			traced:   rapid.Bool().Draw(t, "traced"),
		}
		if want.traced {
			copy(want.trace[:], rapid.SliceOfN(rapid.Byte(), 25, 25).Draw(t, "trace"))
		}
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		raw := append(appendRequest(nil, id, &want, len(body)), body...)
		r := newFrameReader(bytes.NewReader(raw))
		h, err := r.head()
		require.NoError(t, err)
		require.Equal(t, head{length: len(raw) - headSize, kind: kindRequest, id: id}, h)
		got, n, err := r.request(h)
		require.NoError(t, err)
		require.Equal(t, want, got)
		rest, err := r.body(nil, n)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, rest))
		_, err = r.head()
		require.Equal(t, io.EOF, err)
	})
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		0: 0, -time.Second: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000,
		math.MaxUint32 * time.Millisecond: math.MaxUint32, math.MaxUint32*time.Millisecond + 1: 0, math.MaxInt64 / 2: 0,
	} {
		require.Equal(t, want, millis(d), "%v", d)
	}
}

func TestFailure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &Error{
			Code:    rapid.Uint16Min(1).Draw(t, "code"),
			Message: rapid.StringN(-1, -1, maxMessage).Draw(t, "message"),
			Detail:  rapid.SliceOf(rapid.Byte()).Draw(t, "detail"),
		}
		r := newFrameReader(bytes.NewReader(failureFrame(7, want)))
		h, err := r.head()
		require.NoError(t, err)
		require.Equal(t, kindResponse, h.kind)
		status, err := r.status()
		require.NoError(t, err)
		rest, err := r.body(nil, h.length-statusSize)
		require.NoError(t, err)
		got, err := decodeFailure(status, rest)
		require.NoError(t, err)
		require.Equal(t, want.Code, got.Code)
		require.Equal(t, cut(want.Message, maxMessage), got.Message)
		require.True(t, bytes.Equal(want.Detail, got.Detail))
	})
}

func TestHeadRefuses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"a length below the head":     {8, 0, 0, 0, kindPing, 8: 0, 12: 0},
		"a length over the limit":     {1, 0, 0, 5, kindRequest, 12: 0},
		"kind 0":                      {9, 0, 0, 0, 0, 12: 0},
		"an unknown kind":             {9, 0, 0, 0, 7, 12: 0},
		"a request that is too short": {16, 0, 0, 0, kindRequest, 12: 0},
		"a response without status":   {10, 0, 0, 0, kindResponse, 12: 0},
		"a cancel with a body":        {10, 0, 0, 0, kindCancel, 12: 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeHead(raw)
			require.ErrorIs(t, err, ErrProtocol)
		})
	}
}

func TestBodyIsNotAllocatedBeforeItIsThere(t *testing.T) {
	r := newFrameReader(bytes.NewReader(make([]byte, 3<<20)))
	got, err := r.body(nil, maxFrame)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Len(t, got, 3<<20)
	require.Less(t, cap(got), 6<<20)
}

// FuzzFrames reads frames as both sides do, until an error.
func FuzzFrames(f *testing.F) {
	traced := request{method: 1, traced: true}
	f.Add(append(appendRequest(nil, 1, &request{method: 3, deadline: time.Second}, 4), "body"...))
	f.Add(append(appendRequest(nil, 1, &traced, 1), 'x'))
	f.Add(failureFrame(2, &Error{Code: 9, Message: "no", Detail: []byte{1}}))
	f.Add(append(appendHead(appendHead(nil, kindCancel, 1, 0), kindPing, 2, 0), 1, 2))
	f.Add([]byte{0xff, 0xff, 0xff, 4, kindRequest, 30: 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := newFrameReader(bytes.NewReader(raw))
		for {
			h, err := r.head()
			if err != nil {
				requireReadError(t, err)
				return
			}
			size := h.length
			switch h.kind {
			case kindRequest:
				if _, size, err = r.request(h); err == nil {
					require.GreaterOrEqual(t, size, 0)
				}
			case kindResponse:
				size -= statusSize
				var status uint16
				status, err = r.status()
				if err == nil && status != 0 && size <= 2+maxMessage+MaxDetail {
					var rest []byte
					rest, err = r.body(nil, size)
					size = 0
					if err == nil {
						_, err = decodeFailure(status, rest)
					}
				}
			}
			if err == nil {
				var body []byte
				body, err = r.body(nil, size)
				require.LessOrEqual(t, cap(body), 2*len(raw)+2*firstRead)
			}
			if err != nil {
				requireReadError(t, err)
				return
			}
		}
	})
}

func requireReadError(t *testing.T, err error) {
	t.Helper()
	expected := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrProtocol)
	require.True(t, expected, "%v", err)
}

func TestCut(t *testing.T) {
	require.Equal(t, "ab", cut("ab", 2))
	require.Equal(t, "a", cut("aé", 2))
	require.Equal(t, "aé", cut("aé", 3))
	require.Equal(t, "?a", cut("\xffa", 3))
	require.LessOrEqual(t, len(cut(strings.Repeat("\x80", 100), 10)), 10)
}
