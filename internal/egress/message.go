package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Errors about messages. Their text holds nothing of the message.
var (
	// ErrMessage: these bytes are no query that can be answered at all.
	ErrMessage = errors.New("egress: not a DNS query")
	// ErrAnswer: the resolver's answer is none to the question.
	ErrAnswer = errors.New("egress: not the answer to the question")
)

// query is a question as it came: RFC 1035 §4.1, one question in class IN.
type query struct {
	id    uint16
	rd    bool
	name  dnsmessage.Name
	qtype dnsmessage.Type
}

// parseQuery reads what a client sent. It fails with ErrMessage.
func parseQuery(packet []byte) (query, error) {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || h.Response || h.OpCode != 0 {
		return query{}, ErrMessage
	}
	q, err := p.Question()
	if err != nil || q.Class != dnsmessage.ClassINET {
		return query{}, ErrMessage
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) {
		return query{}, ErrMessage
	}
	return query{id: h.ID, rd: h.RecursionDesired, name: q.Name, qtype: q.Type}, nil
}

// answer is what a client is told.
type answer struct {
	code  dnsmessage.RCode
	addrs []netip.Addr
	ttl   time.Duration
}

// pack makes the message. Addresses are of the family that was asked for.
func (q query) pack(a answer) ([]byte, error) {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{ID: q.id, Response: true, RecursionDesired: q.rd, RecursionAvailable: true, RCode: a.code},
		Questions: []dnsmessage.Question{
			{Name: q.name, Type: q.qtype, Class: dnsmessage.ClassINET}},
	}
	for _, addr := range a.addrs {
		r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.name, Class: dnsmessage.ClassINET, TTL: uint32(a.ttl.Seconds())}}
		if addr.Is4() {
			r.Body = &dnsmessage.AResource{A: addr.As4()}
		} else {
			r.Body = &dnsmessage.AAAAResource{AAAA: addr.As16()}
		}
		m.Answers = append(m.Answers, r)
	}
	b, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("egress: answer: %w", err)
	}
	return b, nil
}

// ask makes a question of our own for a listed name.
func ask(id uint16, name string, qtype dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, fmt.Errorf("%w: %q", ErrHost, name)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: qtype, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("egress: question: %w", err)
	}
	return b, nil
}

// maxAddrs bounds what one answer may open.
const maxAddrs = 32

// parseAnswer takes the addresses, of whatever name the aliases led to, from the resolver's
// answer. Those that no server of a centre has (loopback, link-local, multicast) are left out.
// It fails with ErrAnswer.
func parseAnswer(packet []byte, id uint16, qtype dnsmessage.Type) (answer, error) {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || !h.Response || h.ID != id || h.Truncated {
		return answer{}, ErrAnswer
	}
	if err := p.SkipAllQuestions(); err != nil {
		return answer{}, ErrAnswer
	}
	a := answer{code: h.RCode}
	if h.RCode != dnsmessage.RCodeSuccess {
		return a, nil
	}
	for {
		r, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return a, nil
		}
		if err != nil {
			return answer{}, ErrAnswer
		}
		addr, err := address(&p, r, qtype)
		if err != nil {
			return answer{}, ErrAnswer
		}
		if !addr.IsValid() || len(a.addrs) == maxAddrs {
			continue
		}
		ttl := time.Duration(r.TTL) * time.Second
		if len(a.addrs) == 0 || ttl < a.ttl {
			a.ttl = ttl
		}
		a.addrs = append(a.addrs, addr)
	}
}

// address reads one record; the zero Addr for one that is of no use here.
func address(p *dnsmessage.Parser, r dnsmessage.ResourceHeader, qtype dnsmessage.Type) (addr netip.Addr, err error) {
	switch {
	case r.Class != dnsmessage.ClassINET || r.Type != qtype:
		return addr, p.SkipAnswer()
	case qtype == dnsmessage.TypeA:
		var a dnsmessage.AResource
		if a, err = p.AResource(); err == nil {
			addr = netip.AddrFrom4(a.A)
		}
	default:
		var a dnsmessage.AAAAResource
		// A mapped address would be dialled as IPv4, behind the back of its own question.
		if a, err = p.AAAAResource(); err == nil && !netip.AddrFrom16(a.AAAA).Is4In6() {
			addr = netip.AddrFrom16(a.AAAA)
		}
	}
	if !addr.IsGlobalUnicast() {
		return netip.Addr{}, err
	}
	return addr, err
}
