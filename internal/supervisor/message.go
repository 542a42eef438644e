package supervisor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"portillon/internal/dpop"
)

// MaxHandoff bounds a hand-off and a renewed token, in bytes.
const MaxHandoff = 64 << 10

const (
	headLenSize = 2
	maxHead     = 16 << 10
	maxPacket   = headLenSize + maxHead + MaxHandoff
)

// op is what the screen process asks for.
type op string

const (
	opHello    op = "hello"
	opDial     op = "dial"
	opCancel   op = "cancel"
	opProve    op = "prove"
	opStart    op = "start"
	opRelaunch op = "relaunch"
	opStop     op = "stop"
	opRenewed  op = "renewed"
	opEnd      op = "end"
	opFindings op = "findings"
	opPower    op = "power"
	opNote     op = "note"
)

// request is the head of a packet from the screen process.
type request struct {
	ID    uint64       `json:"id"`
	Op    op           `json:"op"`
	Dial  *dialParams  `json:"dial,omitempty"`
	Proof *proofParams `json:"proof,omitempty"`
	Ref   uint64       `json:"ref,omitempty"` // the request to cancel, the renewal answered
	Power Power        `json:"power,omitempty"`
	Notes []Note       `json:"notes,omitempty"`
}

// dialParams is where to dial.
type dialParams struct {
	Network string `json:"network"`
	Addr    string `json:"addr"`
}

// proofParams is dpop.Params on the wire, with the names RFC 9449 gives the claims.
type proofParams struct {
	Method string `json:"htm"`
	URL    string `json:"htu"`
	ATH    string `json:"ath,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
}

func (p proofParams) params() dpop.Params { return dpop.Params(p) }

// reply is the head of a packet to the screen process: the answer to request ID,
// or, with ID 0, an event.
type reply struct {
	ID      uint64   `json:"id"`
	Failure *failure `json:"failure,omitempty"`
	Hello   *Hello   `json:"hello,omitempty"`
	Proof   string   `json:"proof,omitempty"`
	Exited  *int     `json:"exited,omitempty"`
	Renewal uint64   `json:"renewal,omitempty"`
	// Findings answers opFindings.
	Findings []Finding `json:"findings,omitempty"`
}

// encode appends to buf (of length 0) the packet made of head and body. With enough
// capacity in buf the body is copied there and nowhere else.
func encode(buf []byte, head any, body []byte) ([]byte, error) {
	h, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("supervisor: encode: %w", err)
	}
	if len(h) > maxHead || len(body) > MaxHandoff {
		return nil, ErrTooLarge
	}
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(h)))
	return append(append(buf, h...), body...), nil
}

// decode reads the head of packet into head, strictly, and gives the body, which is
// part of packet. Every error wraps errProtocol.
func decode(packet []byte, head any) (body []byte, err error) {
	if len(packet) < headLenSize || len(packet) > maxPacket {
		return nil, fmt.Errorf("%w: %d bytes", errProtocol, len(packet))
	}
	n := int(binary.BigEndian.Uint16(packet))
	packet = packet[headLenSize:]
	if n > maxHead || n > len(packet) || len(packet)-n > MaxHandoff {
		return nil, fmt.Errorf("%w: head of %d bytes", errProtocol, n)
	}
	if err := strictJSON(packet[:n], head); err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	return packet[n:], nil
}

// Why a piece of JSON is refused; the decoder's own errors quote the input.
var (
	errJSON     = errors.New("not the JSON object expected")
	errTrailing = errors.New("more than one JSON value")
)

// strictJSON decodes exactly one value, with known members only.
func strictJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// asksWell: a word for the machine's power with that operation alone, and notes with theirs.
func (r request) asksWell() bool {
	power := r.Power == ""
	if r.Op == opPower {
		power = r.Power == PowerOff || r.Power == PowerRestart
	}
	return power && (len(r.Notes) > 0) == (r.Op == opNote) && wellNoted(r.Notes)
}

// decodeRequest reads a packet from the screen process and checks its shape: each
// operation has its own members and no others. Every error wraps errProtocol.
func decodeRequest(packet []byte) (request, []byte, error) {
	var r request
	body, err := decode(packet, &r)
	if err != nil {
		return request{}, nil, err
	}
	var wantRef, mayBody, mustBody bool
	switch r.Op {
	case opHello, opDial, opProve, opRelaunch, opStop, opEnd, opFindings, opPower, opNote:
	case opCancel:
		wantRef = true
	case opRenewed:
		wantRef, mayBody = true, true
	case opStart:
		mayBody, mustBody = true, true
	default:
		return request{}, nil, fmt.Errorf("%w: unknown operation", errProtocol)
	}
	switch {
	case r.ID == 0,
		(r.Ref != 0) != wantRef,
		(r.Dial != nil) != (r.Op == opDial),
		(r.Proof != nil) != (r.Op == opProve),
		!r.asksWell(),
		len(body) > 0 && !mayBody,
		len(body) == 0 && mustBody:
		return request{}, nil, fmt.Errorf("%w: misshapen %s", errProtocol, r.Op)
	}
	return r, body, nil
}
