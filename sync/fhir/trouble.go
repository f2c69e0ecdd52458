package fhir

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"dossiersync/sync/source"
)

// trouble is what became of an attempt that gave no answer to use, sorted once:
// for the caller, for retry and for the breaker.
type trouble struct {
	failure  *source.Failure // nil: the caller gave up
	retry    bool            // another attempt may do better
	guilty   bool            // counts against the breaker
	answered bool            // counts in favour of the source: it is there
}

// plain is an error whose text is our own: it holds nothing of what a source
// sent, and may be shown to operators.
type plain string

func (p plain) Error() string { return string(p) }

// What can be wrong with an answer that came.
const (
	errTooLarge    plain = "the answer is larger than the limit"
	errOtherOrigin plain = "it leads to another origin (scheme, host or port) than base_url"
	errOutside     plain = "it leads outside the path of base_url, and of every prefix in attachment_prefixes"
	errRedirects   plain = "too many redirects"
	errPacking     plain = "the answer is packed in an unknown way"
	errWebPage     plain = "the answer is a web page or XML, not FHIR JSON: is base_url right, and is there a log-in page in front?"
	errNotJSON     plain = "the answer is not JSON"
)

// Why an answer did not come, or not whole.
const (
	errNoHeader plain = "timed out waiting for an answer"
	errTooSlow  plain = "timed out: the answer took too long"
	errDrip     plain = "timed out: the answer came in too slowly"
	errBroken   plain = "the answer was cut off"
)

// sortOut sorts what became of an attempt: err, or an answer that arrived. Nil
// means that ans is one to use.
func sortOut(ctx context.Context, act string, ans response, err error) *trouble {
	if err == nil {
		return sortStatus(act, ans)
	}
	f := &source.Failure{Kind: source.Unreachable, Act: act, Err: inWords(err)}
	token, noToken := errors.AsType[*tokenError](err)
	switch wrong, _ := errors.AsType[plain](err); {
	case ctx.Err() != nil:
		return &trouble{}
	case noToken:
		f.Kind, f.After = token.kind, token.after
		retry := token.kind != source.Unauthorized
		return &trouble{failure: f, retry: retry, guilty: token.kind == source.Unreachable}
	case isCredential(err):
		f.Kind = source.Unauthorized
		return &trouble{failure: f}
	case isCertificate(err):
		return &trouble{failure: f, guilty: true}
	case wrong == errTooLarge, wrong == errOtherOrigin, wrong == errOutside, wrong == errRedirects, wrong == errPacking,
		wrong == errWebPage, wrong == errNotJSON:
		f.Kind, f.Status = source.Invalid, ans.status
		return &trouble{failure: f, answered: true}
	}
	f.Status = ans.status // of an answer that had begun: it alone may be the one that fails
	return &trouble{failure: f, retry: true, guilty: true}
}

// sortStatus sorts an answer by its HTTP status.
func sortStatus(act string, ans response) *trouble {
	if ans.status/100 == 2 {
		return nil
	}
	f := &source.Failure{Act: act, Status: ans.status}
	if code := issueCode(ans.body); code != "" {
		f.Err = plain(code)
	}
	wait, asked := patience(ans.header)
	switch s := ans.status; {
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && asked:
		f.Kind, f.After = source.Throttled, wait
		return &trouble{failure: f, retry: true}
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		f.Kind = source.Unauthorized
	case s == http.StatusNotFound, s == http.StatusGone:
		f.Kind = source.NotFound
	case s == http.StatusNotImplemented, s == http.StatusHTTPVersionNotSupported:
		f.Kind = source.Unsupported
	case s >= 500:
		f.Kind = source.Unreachable
		return &trouble{failure: f, retry: true, guilty: true}
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		f.Kind = source.Unreachable
		return &trouble{failure: f, retry: true}
	case s >= 400:
		f.Kind = source.Unsupported
	default:
		f.Kind = source.Invalid
	}
	return &trouble{failure: f, answered: true}
}

// class names what became of an attempt for metrics.
func class(status int, t *trouble) string {
	switch {
	case t != nil && t.failure != nil && t.failure.Kind == source.Throttled:
		return "throttled"
	case status < 100 || t != nil && t.failure == nil || t != nil && status/100 == 2:
		return "error"
	}
	return strconv.Itoa(status/100) + "xx"
}

// issueCode returns the code of the first issue of the OperationOutcome that
// body holds, if it does. Its texts are not for us: they may quote records.
func issueCode(body []byte) string {
	r := resource{limits: Limits{Depth: 64}}
	if r.load(body) != nil || r.get("resourceType").str() != "OperationOutcome" {
		return ""
	}
	code := r.get("issue").at(0).get("code").str()
	for i := range len(code) {
		if (code[i] < 'a' || 'z' < code[i]) && code[i] != '-' || i > 32 {
			return ""
		}
	}
	return code
}

func isCredential(err error) bool {
	_, ok := errors.AsType[errCredential](err)
	return ok
}

// isCertificate reports whether err is about the source's certificate, or ours:
// asking again does not change it.
func isCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// inWords returns err as an operator may read it. Other errors than these can
// hold parts of an answer or of a URL, and are not repeated.
func inWords(err error) error {
	if p, ok := errors.AsType[plain](err); ok {
		return p
	}
	if c, ok := errors.AsType[errCredential](err); ok {
		return c
	}
	if t, ok := errors.AsType[*tokenError](err); ok {
		return t
	}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return plain("the source's certificate is not accepted: " + certificateFault(v.Err))
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return plain("the source refused the TLS connection: " + op.Err.Error()) // one of crypto/tls's fixed texts
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return plain("host not found")
		}
		return plain("the host's name could not be looked up")
	}
	for _, known := range []struct {
		err  error
		text plain
	}{
		{syscall.ECONNREFUSED, "connection refused"},
		{syscall.ECONNRESET, "connection reset"},
		{syscall.EPIPE, "connection reset"},
		{syscall.EHOSTUNREACH, "no route to host"},
		{syscall.ENETUNREACH, "no route to host"},
		{syscall.ETIMEDOUT, "timed out connecting"},
		{io.ErrUnexpectedEOF, errBroken},
		{io.EOF, "connection closed without an answer"},
		{gzip.ErrChecksum, errBroken},
		{gzip.ErrHeader, errBroken},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return plain("timed out connecting")
	}
	return plain("the connection failed")
}

func certificateFault(err error) string {
	if c, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if c.Reason == x509.Expired {
			return "expired, or not valid yet"
		}
		return "not valid"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "signed by an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "for another host"
	}
	return "not valid"
}
