package httpwire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"os"
	"strings"
	"syscall"

	"portillon/internal/identity"
)

// NetworkError is what it means that a request got no answer. parent is the
// caller's context, without a deadline of this package's own. The cause is
// rewritten: those of net, net/http and x509 quote addresses and certificates.
func NetworkError(parent context.Context, op string, err error) error {
	var e *identity.Error
	var errno syscall.Errno
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(parent.Err(), context.Canceled):
		return identity.Fail(op, identity.Canceled, "%w", context.Canceled)
	case errors.Is(parent.Err(), context.DeadlineExceeded):
		return identity.Fail(op, identity.TimedOut, "%w", context.DeadlineExceeded)
	case errors.As(err, &e):
		return &identity.Error{Kind: e.Kind, Op: op, Err: e.Err}
	case errors.Is(err, ErrTorn):
		return identity.Fail(op, identity.UnexpectedAnswer, "%w", ErrTorn)
	}
	if k, why := certificateKind(err); why != "" {
		return identity.Fail(op, k, "%s", why)
	}
	switch {
	case errors.As(err, &errno):
		return identity.Fail(op, errnoKind(errno), "%w", errno)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return identity.Fail(op, identity.TimedOut, "no answer in time")
	case errors.Is(err, context.Canceled):
		return identity.Fail(op, identity.Canceled, "%w", context.Canceled)
	case errors.As(err, &dns) && dns.IsTimeout:
		return identity.Fail(op, identity.TimedOut, "name service does not answer")
	case errors.As(err, &dns):
		return identity.Fail(op, identity.NameNotFound, "name not found")
	case errors.As(err, &timeout) && timeout.Timeout():
		return identity.Fail(op, identity.TimedOut, "no answer in time")
	case garbled(err):
		return identity.Fail(op, identity.UnexpectedAnswer, "not HTTP")
	}
	return identity.Fail(op, identity.ConnectionLost, "connection broke")
}

// garbled: something answered that does not speak HTTP. net/http has no type for
// most of it.
func garbled(err error) bool {
	var protocol textproto.ProtocolError
	if errors.As(err, &protocol) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "malformed") || strings.Contains(text, "headers exceeded")
}

func errnoKind(e syscall.Errno) identity.Kind {
	switch e {
	case syscall.ENETDOWN, syscall.ENODEV, syscall.EADDRNOTAVAIL:
		return identity.NoNetwork
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.EACCES, syscall.EPERM:
		// EACCES and EPERM are how a firewall's refusal looks from inside.
		return identity.NoRoute
	case syscall.ECONNREFUSED:
		return identity.Refused
	case syscall.ETIMEDOUT:
		return identity.TimedOut
	}
	return identity.ConnectionLost
}

// certificateKind sorts what crypto/tls and crypto/x509 refuse; "" for another error.
func certificateKind(err error) (identity.Kind, string) {
	var (
		plain     tls.RecordHeaderError
		alert     tls.AlertError
		cert      *tls.CertificateVerificationError
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, errPin):
		return identity.BadCertificate, errPin.Error()
	case errors.As(err, &host):
		return identity.BadCertificate, "certificate is for another host"
	case errors.As(err, &authority):
		return identity.BadCertificate, "certificate is from an unknown authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return identity.BadCertificate, "certificate is not valid now"
	case errors.As(err, &invalid), errors.As(err, &cert):
		return identity.BadCertificate, "certificate is not valid"
	case errors.As(err, &plain):
		return identity.CaptivePortal, "something else than TLS answered"
	case errors.As(err, &alert):
		return identity.UnexpectedAnswer, "TLS was refused"
	}
	return identity.KindUnknown, ""
}
